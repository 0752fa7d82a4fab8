package magentotest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Load reads a fixture set. Its errors name the file and the line.
func Load(fsys fs.FS) (*Shop, error) {
	shop, err := loadShopFile(fsys)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("list the fixture set: %w", err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		name, isStream := streamOfFile(entry.Name())
		if !isStream {
			continue
		}
		if _, known := streamNamed(name); !known {
			return nil, fmt.Errorf("%s: no stream is called %q", entry.Name(), name)
		}
		if files[name] != "" {
			return nil, fmt.Errorf("%s: the stream is in %s too", entry.Name(), files[name])
		}
		files[name] = entry.Name()
		if err := shop.loadStream(fsys, name, entry.Name()); err != nil {
			return nil, err
		}
	}
	return shop, nil
}

func loadShopFile(fsys fs.FS) (*Shop, error) {
	text, err := fs.ReadFile(fsys, "shop.json")
	if err != nil {
		return nil, fmt.Errorf("read the fixture set: %w", err)
	}
	var file struct {
		Name             string    `json:"name"`
		Now              time.Time `json:"now"`
		AccessToken      string    `json:"access_token"`
		DefaultStoreCode string    `json:"default_store_code"`
		OAuth            *OAuth    `json:"oauth"`
		Recorded
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("shop.json: %w", err)
	}
	if err := file.check(); err != nil {
		return nil, fmt.Errorf("shop.json: %w", err)
	}
	return &Shop{
		Name:             file.Name,
		AccessToken:      file.AccessToken,
		Now:              file.Now,
		DefaultStoreCode: file.DefaultStoreCode,
		OAuth:            file.OAuth,
		Recorded:         file.Recorded,
	}, nil
}

// streamOfFile returns the stream of a file `<stream>.ndjson` or `<stream>.ndjson.zst`.
func streamOfFile(name string) (stream string, ok bool) {
	return strings.CutSuffix(strings.TrimSuffix(name, ".zst"), ".ndjson")
}

func (s *Shop) loadStream(fsys fs.FS, stream, name string) error {
	file, err := fsys.Open(name)
	if err != nil {
		return fmt.Errorf("read the fixture set: %w", err)
	}
	defer file.Close()
	var input io.Reader = file
	if strings.HasSuffix(name, ".zst") {
		decoder, err := zstd.NewReader(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer decoder.Close()
		input = decoder
	}
	return s.loadLines(bufio.NewReaderSize(input, 1<<16), stream, name)
}

func (s *Shop) loadLines(input *bufio.Reader, stream, name string) error {
	for number := 1; ; number++ {
		line, err := input.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if record := bytes.TrimSpace(line); len(record) > 0 {
			replaced, putErr := s.put(stream, record)
			if putErr != nil {
				return fmt.Errorf("%s:%d: %w", name, number, putErr)
			}
			if replaced {
				return fmt.Errorf("%s:%d: an earlier line has the same key or id", name, number)
			}
		}
		if err != nil {
			return nil
		}
	}
}
