package tablefile

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"iris/internal/dataset"
)

// The first bytes of packed files.
const (
	gzipMagic     = "\x1f\x8b"
	zipMagic      = "PK\x03\x04"
	emptyZipMagic = "PK\x05\x06"
	oldExcelMagic = "\xd0\xcf\x11\xe0"
)

// unpack returns what is in a packed file, and the file's name. It returns any other file unchanged.
func (t *Reader) unpack(in *bufio.Reader, o Options) (_ *bufio.Reader, name string, err error) {
	name = strings.ToLower(path.Base(strings.ReplaceAll(o.Name, `\`, "/")))
	packing := packingOf(in)
	switch {
	case packing == "" && (path.Ext(name) == ".gz" || o.MediaType == "application/gzip"):
		return nil, "", &dataset.RowError{Reason: "not a gzip file, though its name or type says so"}
	case packing == "" && (path.Ext(name) == ".zip" || o.MediaType == "application/zip"):
		return nil, "", &dataset.RowError{Reason: "not a zip file, though its name or type says so"}
	case hasPrefix(in, oldExcelMagic):
		return nil, "", &dataset.RowError{Reason: excelReason}
	case packing == "":
		return in, name, nil
	}
	t.found.Compression, t.found.Converted = packing, true
	var plain io.Reader
	if packing == Gzip {
		unpacker, err := gzip.NewReader(in)
		if err != nil {
			return nil, "", badArchive(Gzip, err)
		}
		plain, name = unpacker, strings.TrimSuffix(name, ".gz")
	} else if plain, name, err = t.unzip(in); err != nil {
		return nil, "", err
	}
	out := bufio.NewReaderSize(&limited{r: &archive{r: plain, packing: packing}, max: t.max}, sniffed)
	if packingOf(out) != "" {
		return nil, "", &dataset.RowError{Reason: "packed twice"}
	}
	return out, name, nil
}

// packingOf tells by the first bytes how a file is packed, "" for not.
func packingOf(in *bufio.Reader) string {
	switch {
	case hasPrefix(in, gzipMagic):
		return Gzip
	case hasPrefix(in, zipMagic), hasPrefix(in, emptyZipMagic):
		return Zip
	}
	return ""
}

func hasPrefix(in *bufio.Reader, magic string) bool {
	begin, _ := in.Peek(len(magic)) // a shorter file does not begin with it
	return string(begin) == magic
}

// archive turns the errors of an unpacker into words.
type archive struct {
	r       io.Reader
	packing string
}

// Read implements io.Reader.
func (a *archive) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // an error that wraps io.EOF is not the end of the file
		err = badArchive(a.packing, err)
	}
	return n, err
}

func badArchive(packing string, err error) error {
	return &dataset.RowError{Reason: fmt.Sprintf("not a readable %s file: %.200s", packing, err)}
}

const excelReason = "an Excel workbook: save the sheet as CSV and send that"

// unzip returns the only file in a zip file. Programs add files of their own, which do not count.
func (t *Reader) unzip(in io.Reader) (io.Reader, string, error) {
	file, size, err := t.spool(in)
	if err != nil {
		return nil, "", err
	}
	if err := checkDirectory(file, size); err != nil {
		return nil, "", err
	}
	z, err := zip.NewReader(file, size)
	if err != nil {
		return nil, "", badArchive(Zip, err)
	}
	var found []*zip.File
	var names []string
	for _, f := range z.File {
		if f.Name == "xl/workbook.xml" {
			return nil, "", &dataset.RowError{Reason: excelReason}
		}
		base := path.Base(f.Name)
		if strings.HasSuffix(f.Name, "/") || strings.HasPrefix(f.Name, "__MACOSX/") || base == ".DS_Store" {
			continue
		}
		found, names = append(found, f), append(names, f.Name)
	}
	switch {
	case len(found) == 0:
		return nil, "", &dataset.RowError{Reason: "the zip file has no file in it"}
	case len(found) > 1:
		return nil, "", &dataset.RowError{
			Reason: fmt.Sprintf("the zip file has %d files, want one: %s", len(found), shown(names)),
		}
	case found[0].Flags&1 != 0:
		return nil, "", &dataset.RowError{Reason: "the zip file is encrypted"}
	}
	r, err := found[0].Open()
	if err != nil {
		return nil, "", badArchive(Zip, err)
	}
	return r, strings.ToLower(path.Base(names[0])), nil
}

// shown quotes the names of files, which an archive may hold in any encoding.
func shown(names []string) string {
	valid := make([]string, len(names))
	for i, name := range names {
		valid[i] = strings.ToValidUTF8(name, "\ufffd")
	}
	return dataset.Listed(valid)
}

// checkDirectory refuses a zip file whose directory is large: archive/zip reads the whole directory into memory.
func checkDirectory(r io.ReaderAt, size int64) error {
	const (
		endSize    = 22
		maxComment = 1<<16 - 1
		maxSize    = 1 << 20
	)
	tail := make([]byte, min(size, endSize+maxComment))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the directory of a zip file: %w", err)
	}
	for at := len(tail) - endSize; at >= 0; at-- {
		if !bytes.HasPrefix(tail[at:], []byte(emptyZipMagic)) {
			continue
		}
		end := tail[at:]
		if int(binary.LittleEndian.Uint16(end[20:]))+endSize > len(end) {
			continue // bytes that look like the signature
		}
		length, offset := int64(binary.LittleEndian.Uint32(end[12:])), int64(binary.LittleEndian.Uint32(end[16:]))
		if length > maxSize || offset > size || size-offset > maxSize+int64(len(tail)) {
			return &dataset.RowError{Reason: "the directory of the zip file is too large, or not at its end"}
		}
		return nil
	}
	return &dataset.RowError{Reason: "not a readable zip file: it has no directory, so its end may be missing"}
}

// spool copies r to a temporary file, which has no name any more, so nothing is left of it if the process dies.
func (t *Reader) spool(r io.Reader) (*os.File, int64, error) {
	file, err := os.CreateTemp("", "iris-table-*")
	if err != nil {
		return nil, 0, fmt.Errorf("create a temporary file: %w", err)
	}
	t.closers = append([]io.Closer{file}, t.closers...)
	if err := os.Remove(file.Name()); err != nil {
		return nil, 0, fmt.Errorf("remove the name of a temporary file: %w", err)
	}
	size, err := io.Copy(file, &limited{r: r, max: t.max})
	if err != nil {
		return nil, 0, fmt.Errorf("store the file for a while: %w", err)
	}
	return file, size, nil
}
