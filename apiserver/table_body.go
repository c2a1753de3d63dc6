package apiserver

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/tablefile"
)

// tableMedia are the media types of files that may become datasets. What a file is, its content tells.
var tableMedia = []string{
	"text/csv", "text/tab-separated-values", "application/jsonl", "application/jsonlines", "application/x-jsonlines",
	"application/x-ndjson", "application/vnd.apache.parquet", "application/gzip", "application/x-gzip", "application/zip",
	"application/x-zip-compressed", "application/octet-stream",
}

// isTable reports whether a body of a media type may be a file for a dataset.
func isTable(media string) bool { return slices.Contains(tableMedia, media) }

// tableBody is a file that arrives in a request.
type tableBody struct {
	body      io.Reader
	name      string // of the file in a form
	mediaType string // "" if the client says none
}

// plainBody returns the body of a request that is a file.
func plainBody(r *http.Request, media string) tableBody {
	return tableBody{body: r.Body, mediaType: media}
}

// partBody returns the file of a form.
func partBody(part *multipart.Part) tableBody {
	media, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil {
		media = "" // absent or malformed: the name and the content decide
	}
	return tableBody{body: part, name: part.FileName(), mediaType: media}
}

// datasetBody returns the file of an upload: the body, or the only part of a form, `file`. Call atEnd after the file:
// it may refuse what follows.
func datasetBody(r *http.Request) (_ tableBody, atEnd func() error, err error) {
	media, err := httpio.MediaType(r)
	if err != nil {
		return tableBody{}, nil, err
	}
	switch {
	case isTable(media):
		return plainBody(r, media), httpio.NothingFollows, nil
	case media == "multipart/form-data":
		part, atEnd, err := httpio.FormFile(r, nil)
		if part == nil && err == nil {
			err = problem.Invalid(problem.Fault{Parameter: "file", Detail: "is missing"})
		}
		if err != nil {
			return tableBody{}, nil, err
		}
		return partBody(part), atEnd, nil
	}
	return tableBody{}, nil, wrongTable(media, "")
}

// wrongTable is the problem of a body that is no file for a dataset. others are the types that it may have besides.
func wrongTable(media, others string) error {
	return problem.New(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %q is not understood: send a table as "+
		"text/csv, application/jsonl, application/vnd.apache.parquet, application/gzip, application/zip or "+
		"application/octet-stream, or as the part `file` of multipart/form-data%s", problem.Clip(media), others))
}

// readingParameters are the query parameters that say how a file is written.
func readingParameters(how *tablefile.Reading) map[string]queryParameter {
	return map[string]queryParameter{
		"delimiter": {set: func(v []string) error { how.Delimiter = v[0]; return nil }},
		"decimal":   {set: func(v []string) error { how.Decimal = v[0]; return nil }},
		"encoding":  {set: func(v []string) error { how.Encoding = v[0]; return nil }},
		"header":    {set: func(v []string) error { how.Header = tablefile.Header(v[0]); return nil }},
	}
}

// foldReading folds the words of a reading.
func foldReading(how tablefile.Reading) tablefile.Reading {
	how.Delimiter, how.Decimal = strings.ToLower(how.Delimiter), strings.ToLower(how.Decimal)
	how.Header = tablefile.Header(strings.ToLower(string(how.Header)))
	return how
}
