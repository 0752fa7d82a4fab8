package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/s3blob"   // s3://
	"gocloud.dev/gcerrors"

	"magento-optiply/store"
)

// copies are the shops' copies in a folder or in object storage: shops/<shop>/<fence>.tar.zst. The number is written with
// leading zeros, so that names sort by age; a name is written once and never over.
type copies struct {
	bucket *blob.Bucket
	keep   int
}

// openCopies opens file:///PATH or s3://BUCKET; nil where there is no storage.
func openCopies(ctx context.Context, address string, keep int) (*copies, error) {
	if address == "" {
		return nil, nil
	}
	if strings.HasPrefix(address, "file://") {
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		address += separator + "create_dir=true&no_tmp_dir=true"
	}
	bucket, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("fleet.storage: %w", err)
	}
	return &copies{bucket: bucket, keep: keep}, nil
}

func (s *copies) close() error {
	if s == nil {
		return nil
	}
	return s.bucket.Close()
}

// checksum is where a copy's SHA-256 stands beside it.
const checksum = "sha256"

func folderOf(shop string) string { return "shops/" + shop + "/" }

func keyOf(shop string, fence int64) string {
	return fmt.Sprintf("%s%012d.tar.zst", folderOf(shop), fence)
}

// fenceOf reads the number out of a key; false for what is no copy.
func fenceOf(key string) (int64, bool) {
	name, ok := strings.CutSuffix(key[strings.LastIndex(key, "/")+1:], ".tar.zst")
	fence, err := strconv.ParseInt(name, 10, 64)
	return fence, ok && err == nil
}

// put copies a shop to storage under a fencing number. The file is packed on disk first: its checksum goes along with it, and
// the shop's lock is not held while a network is slow.
func (s *copies) put(ctx context.Context, shop *store.Shop, fence int64) (ref copyRef, bytes int64, err error) {
	packed, err := os.CreateTemp(shop.Dir, ".copy-*")
	if err != nil {
		return ref, 0, fmt.Errorf("copy the shop: %w", err)
	}
	defer func() { err = errors.Join(err, packed.Close(), os.Remove(packed.Name())) }()
	sum := sha256.New()
	if err := shop.Pack(io.MultiWriter(packed, sum), time.Now()); err != nil {
		return ref, 0, err
	}
	if bytes, err = packed.Seek(0, io.SeekStart); err == nil {
		bytes, err = packed.Seek(0, io.SeekEnd)
	}
	if err == nil {
		_, err = packed.Seek(0, io.SeekStart)
	}
	if err != nil {
		return ref, 0, err
	}
	ref = copyRef{fence: fence, key: keyOf(shop.Name, fence), sha256: hex.EncodeToString(sum.Sum(nil))}
	err = s.bucket.Upload(ctx, ref.key, packed, &blob.WriterOptions{ContentType: "application/zstd", IfNotExist: true, Metadata: map[string]string{checksum: ref.sha256}})
	if err != nil {
		return ref, 0, fmt.Errorf("copy the shop to storage: %w", err)
	}
	return ref, bytes, nil
}

// list are the copies of a shop, the newest first.
func (s *copies) list(ctx context.Context, shop string) ([]copyRef, error) {
	var list []copyRef
	for objects := s.bucket.List(&blob.ListOptions{Prefix: folderOf(shop)}); ; {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list the copies of the shop: %w", err)
		}
		if fence, ok := fenceOf(object.Key); ok {
			list = append(list, copyRef{fence: fence, key: object.Key})
		}
	}
	slices.SortFunc(list, func(a, b copyRef) int { return int(b.fence - a.fence) })
	return list, nil
}

// prune removes all but the newest copies.
func (s *copies) prune(ctx context.Context, shop string) error {
	list, err := s.list(ctx, shop)
	if err != nil {
		return err
	}
	for _, ref := range list[min(s.keep, len(list)):] {
		if err := s.bucket.Delete(ctx, ref.key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("remove an old copy of the shop: %w", err)
		}
	}
	return nil
}

// damagedError means that a copy is not what was written.
type damagedError struct{ key string }

func (e *damagedError) Error() string { return e.key + " does not have its checksum" }

// get puts a copy in the place of the shop's state, after its checksum was seen to be right: that of the database where it
// knows the copy, else the one that stands beside it.
func (s *copies) get(ctx context.Context, shop *store.Shop, ref copyRef) (err error) {
	file, err := os.CreateTemp(shop.Dir, ".copy-*")
	if err != nil {
		return fmt.Errorf("pull the copy: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	want := ref.sha256
	if want == "" {
		attributes, err := s.bucket.Attributes(ctx, ref.key)
		if err != nil {
			return fmt.Errorf("pull the copy: %w", err)
		}
		want = attributes.Metadata[checksum]
	}
	sum := sha256.New()
	if err := s.bucket.Download(ctx, ref.key, io.MultiWriter(file, sum), nil); err != nil {
		return fmt.Errorf("pull the copy: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != want {
		return &damagedError{ref.key}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return shop.Unpack(file, time.Now())
}

// markName is the file in a shop's folder that says of which claim the folder is.
const markName = "fleet"

// markOf reads the number of the last claim that this folder was used under; 0 where there was none.
func markOf(shop *store.Shop) (int64, error) {
	data, err := os.ReadFile(filepath.Join(shop.Dir, markName))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read of which claim the folder is: %w", err)
	}
	fence, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0, nil // half written by a machine that lost its power: as good as none
	}
	return fence, nil
}

func mark(shop *store.Shop, fence int64) error {
	path := filepath.Join(shop.Dir, markName)
	f, err := os.Create(path + ".tmp")
	if err == nil {
		_, err = fmt.Fprintln(f, fence)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	return described("note of which claim the folder is", err)
}
