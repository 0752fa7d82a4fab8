package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"magento-optiply/store"
)

const (
	// littleRoom is worth a warning: DuckDB spills beside the files, and a run file of a large shop has some hundred megabytes.
	littleRoom = 2 << 30
	// noRoom is what even a small shop's night may need.
	noRoom = 200 << 20
	// runsOpened is how many of the newest run files are opened to see their version.
	runsOpened = 3
)

// checkFolder looks at the shop's folder without making it.
func (j *Job) checkFolder(ctx context.Context) {
	j.begin("folder")
	switch err := j.Folder.Writable(); {
	case err != nil:
		j.fail("folder", fmt.Sprintf("nothing can be written to %s: %v", j.Folder.Dir, err), "give this user the folder, or change data_dir")
	case !j.Folder.Exists():
		j.ok("folder", j.Folder.Dir+" is not there yet; the first run makes it")
	default:
		j.ok("folder", j.Folder.Dir)
	}
	j.checkRoom()
	j.checkLock()
	j.checkVersions(ctx)
}

func (j *Job) checkRoom() {
	room, err := j.Folder.Room()
	if err != nil {
		j.skip("disk space", err.Error())
		return
	}
	var newest int64
	if refs, err := j.Folder.Runs(); err == nil && len(refs) > 0 {
		newest = refs[len(refs)-1].Bytes
	}
	free := fmt.Sprintf("%s free", bytes(room))
	const todo = "free some space, keep fewer runs (runs prune --keep N), or change data_dir"
	switch {
	case room < noRoom:
		j.fail("disk space", free, todo)
	case room < littleRoom || room < uint64(3*newest):
		j.warn("disk space", free, todo)
	default:
		j.ok("disk space", free)
	}
}

func bytes(n uint64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

func (j *Job) checkLock() {
	holder, held, err := j.Folder.Holder()
	switch {
	case err != nil:
		j.fail("lock", err.Error(), "let this user read the folder")
	case held:
		j.warn("lock", fmt.Sprintf("%s holds it, process %d on %s, since %s", holder.Run, holder.PID, holder.Host, holder.Since.UTC().Format(time.RFC3339)),
			"wait for it to end before the next run")
	default:
		j.ok("lock", "free")
	}
}

func (j *Job) checkVersions(ctx context.Context) {
	j.begin("file versions")
	list, err := j.Folder.Versions(ctx, runsOpened)
	if err != nil {
		j.fail("file versions", err.Error(), "see that the shop's folder can be read")
		return
	}
	if len(list) == 0 {
		j.ok("file versions", "no run yet")
		j.state = 0
		return
	}
	older := 0
	for _, v := range list {
		var newer *store.NewerError
		switch {
		case store.IsBusy(v.Err):
			j.warn("file versions", v.Name+" is open in another process", "look again when that has ended")
			return
		case errors.As(v.Err, &newer):
			j.fail("file versions", fmt.Sprintf("%s has schema version %d, this program knows up to %d", v.Name, newer.Has, newer.Knows), "use the newer program that wrote it")
			return
		case v.Err != nil:
			j.fail("file versions", v.Err.Error(), "put a backup back, or move the file away")
			return
		case v.Has < v.Knows:
			older++
		}
	}
	j.state = j.knownProducts(ctx)
	found := fmt.Sprintf("state and the newest runs: %d files that this version reads", len(list))
	if older > 0 {
		found += fmt.Sprintf("; %d of an older version, which the next run migrates (the state after a backup)", older)
	}
	j.ok("file versions", found)
}

// knownProducts counts what the state says is in Optiply; -1 where it cannot be told.
func (j *Job) knownProducts(ctx context.Context) int64 {
	state, err := j.Folder.OpenState(ctx, store.Read)
	if err != nil {
		return -1
	}
	defer state.Close()
	var n int64
	if state.DB.QueryRowContext(ctx, "SELECT count(*) FROM state.products").Scan(&n) != nil {
		return -1
	}
	return n
}
