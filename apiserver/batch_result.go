package apiserver

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"iris/internal/objstore"
	"iris/workflows"
)

// BatchStatus is the answer of a batch that has no results, or none yet.
type BatchStatus struct {
	Status workflows.State `json:"status" enum:"PENDING,FAILURE,REVOKED" doc:"PENDING until it has ended"`
	Stage  string          `json:"stage,omitempty" doc:"what is being done"`
	Done   int64           `json:"done"`
	Total  int64           `json:"total" doc:"0 while unknown"`
	Unit   string          `json:"unit,omitempty" example:"rows"`
	Error  string          `json:"error,omitempty" doc:"why it failed"`
}

// BatchRow is an element of the results of a batch.
type BatchRow struct {
	Specie string      `json:"specie,omitempty" doc:"the label, for the model iris alone" example:"setosa"`
	Logits [][]float64 `json:"logits" nullable:"false" doc:"one row: a probability per class, in class order"`
	Label  string      `json:"label" doc:"the most probable class" example:"setosa"`
}

// handleBatchResult answers how far a batch is, or its results. A manifest is there when all of them are; it is asked for
// first, since it outlives the workflow.
func (s *Server) handleBatchResult(w http.ResponseWriter, r *http.Request) error {
	name, escaped := s.modelName(r), mux.Vars(r)["task_id"]
	id, err := taskID(escaped)
	if err != nil {
		return err
	}
	var m workflows.Manifest
	err = s.Store.GetJSON(r.Context(), s.Bucket, objstore.BatchManifestKey(id), &m)
	switch {
	case err == nil && m.Model == name:
		return s.sendResults(w, r, m)
	case err == nil:
		return notFound("there is no batch %q of model %s", clip(id), clip(name))
	case !errors.Is(err, objstore.ErrNotExist):
		return fmt.Errorf("read the manifest of %s: %w", clip(id), err)
	}
	t, err := s.taskOf(r.Context(), escaped, workflows.BatchType, name)
	if err != nil {
		return err
	}
	switch t.State {
	case workflows.Success:
		return notFound("the results of %q are no longer kept", clip(id))
	case workflows.Failure, workflows.Revoked:
	default:
		t.State = workflows.Pending
		w.Header().Set("Retry-After", "1")
	}
	status := BatchStatus{Status: t.State, Stage: t.Stage, Done: t.Done, Total: t.Total, Unit: t.Unit}
	if t.Error != nil {
		status.Error = t.Error.Message
	}
	return writeJSON(w, http.StatusOK, status)
}

// sendResults streams the parts of a batch as one list. Memory does not grow with it; an error after the first bytes cuts
// the answer off.
func (s *Server) sendResults(w http.ResponseWriter, r *http.Request, m workflows.Manifest) error {
	labels := make(map[string]labelJSON, len(m.Classes))
	for _, class := range m.Classes {
		labels[class] = newLabelJSON(m.Model, class)
	}
	out := &resultWriter{
		to:     bufio.NewWriterSize(&movingWriter{w: w, control: http.NewResponseController(w)}, 64<<10),
		labels: labels, probabilities: make([]float64, len(m.Classes)),
	}
	w.Header()["Content-Type"] = jsonType
	w.Header()["Model-Version"] = []string{m.Model + "/" + m.Version}
	out.writeString("[")
	for _, part := range m.Parts {
		if err := s.sendPart(r.Context(), out, part.Ref); err != nil {
			return fmt.Errorf("send %s: %w", part.Ref.URI(), err)
		}
	}
	if out.rows != m.Rows {
		return fmt.Errorf("send the results of %s: the parts have %d rows, the manifest says %d", m.TaskID, out.rows, m.Rows)
	}
	out.writeString("]\n")
	if err := out.to.Flush(); err != nil {
		return fmt.Errorf("send the results of %s: %w", m.TaskID, err)
	}
	return nil
}

func (s *Server) sendPart(ctx context.Context, out *resultWriter, part objstore.Ref) (err error) {
	body, err := s.Store.Get(ctx, part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	lines := csv.NewReader(body)
	lines.ReuseRecord = true
	lines.FieldsPerRecord = 1 + len(out.probabilities)
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = out.row(fields)
		}
		if err != nil {
			return err
		}
	}
}

// resultWriter writes the lines of parts as the elements of a JSON list.
type resultWriter struct {
	to            *bufio.Writer
	labels        map[string]labelJSON
	probabilities []float64
	line          []byte
	rows          int64
}

// row writes a label and its probabilities.
func (o *resultWriter) row(fields []string) (err error) {
	label, known := o.labels[fields[0]]
	if !known {
		return fmt.Errorf("%q is not a class of the manifest", clip(fields[0]))
	}
	for i := range o.probabilities {
		if o.probabilities[i], err = strconv.ParseFloat(fields[1+i], 64); err != nil {
			return err
		}
	}
	o.line = o.line[:0]
	if o.rows > 0 {
		o.line = append(o.line, ',', '\n')
	}
	o.line = append(o.line, label.open...)
	var finite bool
	if o.line, finite = appendNumbers(o.line, o.probabilities); !finite {
		return errors.New("a probability is not a finite number")
	}
	o.line = append(append(o.line, label.close...), '}')
	o.rows++
	_, err = o.to.Write(o.line)
	return err
}

// writeString writes s; a failure shows at the next flush.
func (o *resultWriter) writeString(s string) { _, _ = o.to.WriteString(s) }

// movingWriter gives up on a client that takes nothing of the answer for stallTimeout.
type movingWriter struct {
	w       io.Writer
	control *http.ResponseController
}

// Write implements io.Writer. Its errors are errHungUp.
func (m *movingWriter) Write(p []byte) (int, error) {
	_ = m.control.SetWriteDeadline(time.Now().Add(stallTimeout)) // where there is a connection to have one
	n, err := m.w.Write(p)
	if err != nil {
		return n, fmt.Errorf("%w: %w", errHungUp, err)
	}
	_ = m.control.SetWriteDeadline(time.Time{})
	return n, nil
}
