package preset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Limits of the files that tests name. A recorded exposition may be as large as
// a scrape may be by default.
const (
	maxProgramBytes = 1 << 20
	maxScrapeBytes  = 64 << 20
)

// readFile reads a regular file of at most so many bytes. Its errors leave out
// the path, which the caller names.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than the limit of %d MiB", limit>>20)
	}
	return data, nil
}

func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
