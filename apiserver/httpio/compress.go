package httpio

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"iris/apiserver/problem"
)

// Content codings of bodies.
const (
	Gzip    = "gzip"
	Deflate = "deflate" // which is zlib
)

// decompress makes a compressed body readable as if it had been sent plain. Every limit counts the plain bytes.
func decompress(r *http.Request) error {
	switch coding := strings.ToLower(headerValue(r.Header, "Content-Encoding")); coding {
	case "", "identity":
		return nil
	case Gzip, Deflate:
		plain, err := newDecompressor(coding, r.Body)
		if err != nil {
			return problem.New(http.StatusBadRequest,
				fmt.Sprintf("the body is not %s, though Content-Encoding says so", coding))
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{plain, r.Body}
		r.ContentLength = -1
		return nil
	default:
		p := problem.New(http.StatusUnsupportedMediaType, fmt.Sprintf(
			"Content-Encoding %q is not understood: send the body plain, as gzip or as deflate", problem.Clip(coding)))
		p.Header = http.Header{"Accept-Encoding": {Gzip + ", " + Deflate}}
		return p
	}
}

// newDecompressor reads a body in one of the codings.
func newDecompressor(coding string, body io.Reader) (io.Reader, error) {
	if coding == Gzip {
		return gzip.NewReader(body)
	}
	return zlib.NewReader(body)
}

// SendCompressed sends a body in a coding that the client accepts: gzip, deflate or none. It gives up on a client that
// takes nothing for StallTimeout, since a large body holds a place of Bulk meanwhile.
func SendCompressed(w http.ResponseWriter, r *http.Request, body []byte) error {
	header := w.Header()
	header["Vary"] = []string{"Accept-Encoding"}
	coding := acceptedCoding(r.Header.Values("Accept-Encoding"))
	if coding == "" {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	} else {
		header["Content-Encoding"] = []string{coding}
	}
	to := bufio.NewWriterSize(NewWriter(w), min(pieceSize, len(body)))
	compressor, err := newCompressor(coding, to)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(body, pieceSize) {
		if _, err := compressor.Write(piece); err != nil {
			return err
		}
	}
	return errors.Join(compressor.Close(), to.Flush())
}

// newCompressor writes to w in a coding, plain for "".
func newCompressor(coding string, w io.Writer) (io.WriteCloser, error) {
	switch coding {
	case Gzip:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case Deflate:
		return zlib.NewWriterLevel(w, zlib.BestSpeed)
	}
	return plain{w}, nil
}

// plain is the compressor that changes nothing.
type plain struct{ io.Writer }

// Close implements io.Closer.
func (plain) Close() error { return nil }

// acceptedCoding returns the coding for an answer to a request with these values of Accept-Encoding, "" for none.
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
			case Gzip:
				return Gzip
			case Deflate:
				accepted = Deflate
			}
		}
	}
	return accepted
}
