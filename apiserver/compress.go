package apiserver

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// sendCompressed sends a body in a coding that the client accepts: gzip, deflate, which is zlib, or as it is. A client
// that
// takes nothing of it for a while is given up: what is large holds a place meanwhile.
func sendCompressed(w http.ResponseWriter, r *http.Request, body []byte) error {
	header := w.Header()
	header["Vary"] = []string{"Accept-Encoding"}
	coding := acceptedCoding(r.Header.Values("Accept-Encoding"))
	if coding == "" {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	} else {
		header["Content-Encoding"] = []string{coding}
	}
	const piece = 64 << 10 // bytes that a client must take at once
	to := bufio.NewWriterSize(&movingWriter{w: w, control: http.NewResponseController(w)}, min(piece, len(body)))
	compressor, err := newCompressor(coding, to)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(body, piece) {
		if _, err := compressor.Write(part); err != nil {
			return err
		}
	}
	return errors.Join(compressor.Close(), to.Flush())
}

// newCompressor writes to w in a coding, as it is for "".
func newCompressor(coding string, w io.Writer) (io.WriteCloser, error) {
	switch coding {
	case codingGzip:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case codingDeflate:
		return zlib.NewWriterLevel(w, zlib.BestSpeed)
	}
	return plain{w}, nil
}

// plain is the compressor that changes nothing.
type plain struct{ io.Writer }

// Close implements io.Closer.
func (plain) Close() error { return nil }

// decompressor reads a body in one of the codings.
func decompressor(coding string, body io.Reader) (io.Reader, error) {
	if coding == codingGzip {
		return gzip.NewReader(body)
	}
	return zlib.NewReader(body)
}

// Codings of bodies.
const (
	codingGzip    = "gzip"
	codingDeflate = "deflate"
)

// acceptedCoding is the coding for an answer to a request with these Accept-Encoding, "" for none.
func acceptedCoding(accept []string) string {
	accepted := ""
	for _, list := range accept {
		for item := range strings.SplitSeq(list, ",") {
			coding, parameters, _ := strings.Cut(item, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			quality, weighed := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
			if q, err := strconv.ParseFloat(quality, 64); weighed && (err != nil || q <= 0) {
				continue
			}
			switch coding {
			case codingGzip:
				return codingGzip
			case codingDeflate:
				accepted = codingDeflate
			}
		}
	}
	return accepted
}
