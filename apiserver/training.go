package apiserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/model"
	"iris/workflows"
)

// maxRequestPart bounds the part `request` of a form, and the JSON body of a training.
const maxRequestPart = 64 << 10

// handleTraining starts a training. The data comes in the body, or lies in the object store, or is the bundled one.
func (s *Server) handleTraining(w http.ResponseWriter, r *http.Request) error {
	name := s.serving.Name(r)
	if err := model.CheckName(name); err != nil {
		return problem.Invalid(problem.Fault{Parameter: "model", Detail: err.Error()})
	}
	t := newTrainingRequest(name)
	if err := t.query(r.URL.RawQuery); err != nil {
		return err
	}
	media, err := httpio.MediaType(r)
	if err != nil {
		return err
	}
	switch media {
	case "application/json":
		body, err := httpio.ReadBody(r, nil, maxRequestPart)
		if err != nil {
			return err
		}
		if err := t.json(body); err != nil {
			return err
		}
	case "text/csv":
		return s.trainOnUpload(w, r, t, r.Body, httpio.NothingFollows)
	case "multipart/form-data":
		return s.trainOnForm(w, r, t)
	default:
		if hasBody(r) {
			return problem.New(
				http.StatusUnsupportedMediaType,
				fmt.Sprintf(
					"Content-Type %q is not understood: send the CSV as text/csv or as the part `file` of multipart/form-data, or application/json",
					problem.Clip(media),
				),
			)
		}
	}
	return s.trainOnStored(w, r, t)
}

// hasBody reports whether r brings anything. Most clients say so; of the others one byte is read.
func hasBody(r *http.Request) bool {
	if r.ContentLength != -1 {
		return r.ContentLength > 0
	}
	n, err := io.ReadFull(r.Body, make([]byte, 1))
	return n > 0 || err != io.EOF
}

// trainOnForm reads a form: the part `request`, if any, then the part `file`, if any, and nothing else.
func (s *Server) trainOnForm(w http.ResponseWriter, r *http.Request, t *trainingRequest) error {
	file, atEnd, err := httpio.FormFile(r, t.part)
	if err != nil {
		return err
	}
	if file == nil {
		return s.trainOnStored(w, r, t)
	}
	return s.trainOnUpload(w, r, t, file, atEnd)
}

// trainOnStored trains on an object that is in the store already, or on the bundled data.
func (s *Server) trainOnStored(w http.ResponseWriter, r *http.Request, t *trainingRequest) error {
	if err := s.findDataset(r.Context(), t); err != nil {
		return err
	}
	in, err := t.resolve()
	if err != nil {
		return err
	}
	data := "the bundled iris data"
	switch {
	case in.DatasetURI != "":
		if err := s.checkDataset(r.Context(), in.DatasetURI, t.at("dataset")); err != nil {
			return err
		}
		data = in.DatasetURI
	case in.Model != dataset.IrisModel:
		return problem.New(http.StatusUnprocessableEntity,
			fmt.Sprintf("no data: send a CSV or name one with data_path; only %s has data of its own", dataset.IrisModel))
	}
	return s.startTraining(r.Context(), w, workflows.NewTrainingID(in.Model), in, data)
}

// startTraining starts the workflow and answers where it can be followed.
func (s *Server) startTraining(
	ctx context.Context,
	w http.ResponseWriter,
	id string,
	in workflows.TrainingInput,
	data string,
) error {
	summary := fmt.Sprintf("train %s (%s) on %s", in.Model, in.Algorithm, data)
	if _, err := s.start(ctx, id, in.Model, summary, workflows.Training, in); err != nil {
		return err
	}
	return accepted(w, "/"+in.Model+"/training/"+url.PathEscape(id), id)
}
