package stack

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"iris/deploy"
)

const (
	// downloadSilence bounds how long a host may send nothing, from the look-up of its name to the last byte. After it,
	// a machine without the network starts to compile.
	downloadSilence = 10 * time.Second
	// downloadTimeout bounds a download in all. On two cores, compiling takes about as long.
	downloadTimeout = 5 * time.Minute
	// maxDownload bounds an archive and the program in it. Temporal's program has about 200 MB.
	maxDownload = 1 << 30
)

// Why a download was given up.
var (
	errSilence = errors.New("no data in time")
	errSlow    = fmt.Errorf("not complete after %s", downloadTimeout)
)

// download fetches an official release and puts its program into dir. It unpacks nothing of an archive whose hash is
// not the pinned one.
func download(ctx context.Context, a deploy.Archive, program, dir string, silence time.Duration) error {
	file, err := os.CreateTemp(dir, "archive-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a leftover archive does no harm
	defer file.Close()           //nolint:errcheck // the archive is complete or of no use
	sum, err := fetch(ctx, a.URL, file, silence)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", a.URL, err)
	}
	if sum != a.SHA256 {
		return fmt.Errorf("refused %s: its SHA-256 is %s, but %s is pinned", a.URL, sum, a.SHA256)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := unpack(file, program, dir); err != nil {
		return fmt.Errorf("unpack %s: %w", a.URL, err)
	}
	return nil
}

// fetch copies the response of an address to w and returns its SHA-256. It gives up after silence without a byte.
func fetch(ctx context.Context, address string, w io.Writer, silence time.Duration) (sum string, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, downloadTimeout, errSlow)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(silence, func() { cancel(errSilence) })
	defer timer.Stop()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx) // says more than "context canceled"
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the URL, which the caller names
	}
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	if response.StatusCode != http.StatusOK {
		return "", errors.New(response.Status)
	}
	hash := sha256.New()
	body := readFunc(func(p []byte) (int, error) {
		n, err := response.Body.Read(p)
		timer.Reset(silence)
		return n, err
	})
	if err := copyAtMost(io.MultiWriter(w, hash), body); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// unpack copies one program of a gzipped tar archive into dir.
func unpack(archive io.Reader, program, dir string) error {
	inflated, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	files := tar.NewReader(inflated)
	for {
		header, err := files.Next()
		if err == io.EOF { //nolint:errorlint // tar returns it as it is
			return fmt.Errorf("it does not contain %s", program)
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeReg && path.Base(header.Name) == program {
			break
		}
	}
	file, err := os.OpenFile(filepath.Join(dir, program), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	return errors.Join(copyAtMost(file, files), file.Close())
}

// copyAtMost copies all of r, which must not have more than maxDownload bytes.
func copyAtMost(w io.Writer, r io.Reader) error {
	n, err := io.Copy(w, io.LimitReader(r, maxDownload+1))
	if err == nil && n > maxDownload {
		err = fmt.Errorf("more than %d bytes", maxDownload)
	}
	return err
}

// readFunc is a function as an io.Reader.
type readFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readFunc) Read(p []byte) (int, error) { return f(p) }
