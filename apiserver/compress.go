package apiserver

import (
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// sendCompressed sends a body in a coding that the client accepts: gzip, deflate, which is zlib, or as it is.
func sendCompressed(w http.ResponseWriter, r *http.Request, body []byte) error {
	header := w.Header()
	header["Vary"] = []string{"Accept-Encoding"}
	coding := acceptedCoding(r.Header.Values("Accept-Encoding"))
	if coding == "" {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
		_, _ = w.Write(body) // a client that hung up
		return nil
	}
	header["Content-Encoding"] = []string{coding}
	var compressor io.WriteCloser
	var err error
	if coding == codingGzip {
		compressor, err = gzip.NewWriterLevel(w, gzip.BestSpeed)
	} else {
		compressor, err = zlib.NewWriterLevel(w, zlib.BestSpeed)
	}
	if err != nil {
		return fmt.Errorf("compress as %s: %w", coding, err)
	}
	_, err = compressor.Write(body)
	if closeErr := compressor.Close(); err != nil || closeErr != nil {
		return errHungUp
	}
	return nil
}

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
