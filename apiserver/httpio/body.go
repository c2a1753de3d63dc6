package httpio

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"iris/apiserver/problem"
)

// MaxSmall limits the JSON of one row and of every other small document, in bytes.
const MaxSmall = 1 << 20

// MediaType returns the media type of the body, "" when the request names none. It refuses a charset other than UTF-8.
func MediaType(r *http.Request) (string, error) {
	header := headerValue(r.Header, "Content-Type")
	if header == "" || header == "application/json" { // what nearly every client sends
		return header, nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", problem.New(
			http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %q is malformed", problem.Clip(header)))
	}
	switch charset := params["charset"]; strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii":
	default:
		return "", problem.New(http.StatusUnsupportedMediaType,
			fmt.Sprintf("charset %q is not understood: send UTF-8", problem.Clip(charset)))
	}
	return media, nil
}

// RequireJSON refuses a body whose Content-Type is not JSON. It takes a body without a Content-Type for JSON.
func RequireJSON(r *http.Request) error {
	media, err := MediaType(r)
	if err != nil {
		return err
	}
	if media != "" && media != "application/json" {
		return problem.New(http.StatusUnsupportedMediaType,
			fmt.Sprintf("Content-Type %q is not understood: send application/json", problem.Clip(media)))
	}
	return nil
}

// ReadBody appends the body of r to buf, at most limit bytes.
func ReadBody(r *http.Request, buf []byte, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return buf, &http.MaxBytesError{Limit: limit}
	}
	buf, more, err := ReadUpTo(r.Body, buf, limit)
	if more {
		err = &http.MaxBytesError{Limit: limit}
	}
	return buf, err
}

// ReadUpTo appends what r holds to buf, until its end or until buf has more than limit bytes.
func ReadUpTo(r io.Reader, buf []byte, limit int64) (_ []byte, more bool, err error) {
	const atLeast = 4 << 10
	for int64(len(buf)) <= limit {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, atLeast)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, int64(len(buf)) > limit, nil
		}
		if err != nil {
			return buf, false, BodyError(err)
		}
	}
	return buf, true, nil
}

var tooSlow = fmt.Sprintf("the body arrived too slowly: nothing of it for %s, or less than %d KiB a second on average",
	StallTimeout, MinRate>>10)

// BodyError returns the answer to a body that could not be read to its end.
func BodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem.New(http.StatusRequestTimeout, tooSlow)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return problem.New(http.StatusBadRequest, "the gzip body is damaged")
	case errors.Is(err, zlib.ErrChecksum):
		return problem.New(http.StatusBadRequest, "the deflate body is damaged")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem.New(http.StatusBadRequest, "the body ended early")
	}
	return problem.New(http.StatusBadRequest, "the body could not be read")
}
