package httpio

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"iris/apiserver/problem"
)

// FormFile reads a form up to its file: the part `request`, if the form may have one, then the part `file`, and nothing
// else. The file is nil when the form has none. The caller calls atEnd after it has read the file.
func FormFile(r *http.Request, request func(io.Reader) error) (file *multipart.Part, atEnd func() error, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, nil, problem.New(http.StatusBadRequest, "the form is malformed: "+err.Error())
	}
	for seen := false; ; {
		part, err := form.NextPart()
		if err == io.EOF { // not errors.Is: the error of a form without its end wraps io.EOF
			return nil, NothingFollows, nil
		}
		if err != nil {
			return nil, nil, formError(err)
		}
		switch name := part.FormName(); {
		case name == "file":
			return part, func() error { return endOf(form) }, nil
		case name != "request" || request == nil:
			want := "`request`, then `file`"
			if request == nil {
				want = "`file`"
			}
			return nil, nil, problem.Invalid(
				problem.Fault{Parameter: problem.Clip(name), Detail: "is not a part of this form: want " + want})
		case seen:
			return nil, nil, problem.Invalid(problem.Fault{Parameter: "request", Detail: "is given twice"})
		}
		seen = true
		if err := request(part); err != nil {
			return nil, nil, err
		}
	}
}

// endOf refuses parts after the file: they come too late to be obeyed.
func endOf(form *multipart.Reader) error {
	part, err := form.NextPart()
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return formError(err)
	}
	return problem.Invalid(problem.Fault{
		Parameter: problem.Clip(part.FormName()), Detail: "comes after `file`, which must be the last part",
	})
}

// NothingFollows is the atEnd of a body that is not a form.
func NothingFollows() error { return nil }

// formError distinguishes a malformed form from one that could not be read.
func formError(err error) error {
	if strings.HasPrefix(err.Error(), "multipart: ") && !errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.New(
			http.StatusBadRequest, "the form is malformed: "+strings.TrimPrefix(err.Error(), "multipart: "))
	}
	return BodyError(err)
}
