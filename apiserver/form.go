package apiserver

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
)

// formFile reads a form up to its file: the part `request`, where there may be one, then the part `file`, and nothing
// else.
// The file is nil when the form has none. atEnd is to be asked behind the file.
func formFile(r *http.Request, request func(io.Reader) error) (file *multipart.Part, atEnd func() error, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, nil, newProblem(http.StatusBadRequest, "the form is malformed: "+err.Error())
	}
	for seen := false; ; {
		part, err := form.NextPart()
		if err == io.EOF { // not errors.Is: a form without its end wraps it
			return nil, nothingFollows, nil
		}
		if err != nil {
			return nil, nil, badForm(err)
		}
		switch name := part.FormName(); {
		case name == "file":
			return part, func() error { return endOf(form) }, nil
		case name != "request" || request == nil:
			want := "`request`, then `file`"
			if request == nil {
				want = "`file`"
			}
			return nil, nil, invalid(Fault{Parameter: clip(name), Detail: "is not a part of this form: want " + want})
		case seen:
			return nil, nil, invalid(Fault{Parameter: "request", Detail: "is there twice"})
		}
		seen = true
		if err := request(part); err != nil {
			return nil, nil, err
		}
	}
}

// endOf refuses whatever stands behind the file: it would have been too late to heed it.
func endOf(form *multipart.Reader) error {
	part, err := form.NextPart()
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return badForm(err)
	}
	return invalid(Fault{Parameter: clip(part.FormName()), Detail: "stands behind `file`, which must be the last part"})
}

func nothingFollows() error { return nil }

// badForm tells a form that is broken from one that could not be read.
func badForm(err error) error {
	if strings.HasPrefix(err.Error(), "multipart: ") && !errors.Is(err, io.ErrUnexpectedEOF) {
		return newProblem(http.StatusBadRequest, "the form is malformed: "+strings.TrimPrefix(err.Error(), "multipart: "))
	}
	return badBody(err)
}
