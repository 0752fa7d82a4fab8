package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// usage is what a process took.
type usage struct {
	Wall, CPU time.Duration
	Peak      int64 // bytes: VmHWM
}

func (u usage) plus(other usage) usage {
	return usage{u.Wall + other.Wall, u.CPU + other.CPU, max(u.Peak, other.Peak)}
}

// measured runs a process to its end. stdin may be nil.
func measured(ctx context.Context, dir string, stdin []byte, command ...string) (stdout []byte, u usage, err error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	var out, talk bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &talk
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, u, err
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	u = usage{Wall: time.Since(began), CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Peak: peak()}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != 3 { // done, but some rows were left out: a generated shop has such
		return nil, u, fmt.Errorf("%s: %w\n%s", strings.Join(command[1:], " "), err, &talk)
	}
	if err != nil && exit == nil {
		return nil, u, err
	}
	// The program's last line of talk is its summary.
	if out.Len() == 0 || bytes.Contains(talk.Bytes(), []byte(`"type":"summary"`)) {
		return talk.Bytes(), u, nil
	}
	return out.Bytes(), u, nil
}

// watchPeak looks at the peak memory of a process until it ends. The kernel's own figure at the end, ru_maxrss, begins with what
// the parent had, so it is not used.
func watchPeak(pid int) (peak func() int64) {
	var highest atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if n := vmHWM(pid); n > highest.Load() {
				highest.Store(n)
			}
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return highest.Load()
	}
}

// vmHWM is 0 where the process is gone, or the system has no /proc.
func vmHWM(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(status), "VmHWM:")
	if !ok {
		return 0
	}
	words := strings.Fields(rest)
	kB, _ := strconv.ParseInt(words[0], 10, 64)
	return kB << 10
}

// server is a process that serves.
type server struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer
}

func startServer(ctx context.Context, command ...string) (*server, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	s := &server{strings.TrimSpace(line), cmd, stdin}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", command[1], err), s.close())
	}
	return s, nil
}

func (s *server) close() error {
	return errors.Join(s.stdin.Close(), s.cmd.Wait())
}

// asked is what the server was asked since the last call.
func (s *server) asked(ctx context.Context) (list []asked, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+askedPath, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return list, json.NewDecoder(res.Body).Decode(&list)
}
