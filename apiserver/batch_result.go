package apiserver

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/scores"
	"iris/workflows"
)

// BatchStatus is the answer of a batch that has no results, or none yet.
type BatchStatus struct {
	Status        workflows.State `json:"status" enum:"PENDING,FAILURE,REVOKED" doc:"PENDING until it has ended"`
	Stage         string          `json:"stage,omitempty" doc:"what is being done"`
	Done          int64           `json:"done"`
	Total         int64           `json:"total" doc:"0 while unknown"`
	Unit          string          `json:"unit,omitempty" example:"rows"`
	Failed        int64           `json:"failed,omitempty" doc:"bad rows, which are part of done"`
	RowsPerSecond float64         `json:"rows_per_second,omitempty" doc:"since it began to score"`
	ETASeconds    int64           `json:"eta_seconds,omitempty" doc:"until all rows are scored at that rate; absent while unknown"`
	ShardsDone    int             `json:"shards_done,omitempty" doc:"pieces of the input that are scored"`
	ShardsTotal   int             `json:"shards_total,omitempty" doc:"pieces of the input"`
	Error         string          `json:"error,omitempty" doc:"why it failed"`
	Rows          string          `json:"rows,omitempty" doc:"when it was cancelled: where the results are that were finished by then"`
}

// maxList is how many results are sent as one list.
const maxList = 10_000

// BatchRow is an element of the results of a batch.
type BatchRow struct {
	Specie string      `json:"specie,omitempty" doc:"the label, for the model iris alone" example:"setosa"`
	Logits [][]float64 `json:"logits" nullable:"false" doc:"one row: a probability per class, in class order"`
	Label  string      `json:"label" doc:"the most probable class" example:"setosa"`
}

// handleBatchResult answers how far a batch is, or its results. A manifest is there when all of them are; it is asked
// for
// first, since it outlives the workflow.
func (s *Server) handleBatchResult(w http.ResponseWriter, r *http.Request) error {
	m, t, err := s.batch(r)
	switch {
	case err != nil:
		return err
	case m == nil:
		return sendBatchStatus(w, t, nil)
	}
	announceErrors(w, m)
	switch {
	case m.State == string(workflows.Revoked):
		if t, err = s.revoked(r, m); err != nil {
			return err
		}
		return sendBatchStatus(w, t, m)
	case m.Rows > maxList:
		w.Header().Set("Location", batchLocation(m.Model, m.TaskID)+"/output")
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	return s.sendResults(w, r, m)
}

// revoked is the task of a batch that was cancelled and left a manifest, as far as it is known.
func (s *Server) revoked(r *http.Request, m *workflows.Manifest) (Task, error) {
	t, err := s.taskOf(r.Context(), mux.Vars(r)["task_id"], workflows.BatchType, s.serving.Name(r))
	var known *problem.Problem
	if errors.As(err, &known) && known.Status == http.StatusNotFound { // forgotten
		return Task{
			TaskID: m.TaskID, State: workflows.Revoked, Done: m.Rows + m.Failed, Failed: m.Failed, Unit: "rows",
			Error: &workflows.TaskError{Message: "cancelled"},
		}, nil
	}
	return t, err
}

// sendBatchStatus answers how far a batch is or was. One that was cancelled may have a manifest.
func sendBatchStatus(w http.ResponseWriter, t Task, m *workflows.Manifest) error {
	switch t.State {
	case workflows.Failure, workflows.Revoked:
		t.ETASeconds, t.RowsPerSecond = 0, 0 // they were of the last moment
	default:
		t.State = workflows.Pending
		w.Header().Set("Retry-After", "1")
	}
	status := BatchStatus{
		Status: t.State, Stage: t.Stage, Done: t.Done, Total: t.Total, Unit: t.Unit, Failed: t.Failed,
		RowsPerSecond: t.RowsPerSecond, ETASeconds: t.ETASeconds, ShardsDone: t.ShardsDone, ShardsTotal: t.ShardsTotal,
	}
	if t.Error != nil {
		status.Error = t.Error.Message
	}
	if m != nil {
		status.Rows = batchLocation(m.Model, m.TaskID) + "/rows"
	}
	return httpio.WriteJSON(w, http.StatusOK, status)
}

// sendResults streams the parts of a batch as one list. Memory does not grow with it; an error after the first bytes
// cuts
// the answer off.
func (s *Server) sendResults(w http.ResponseWriter, r *http.Request, m *workflows.Manifest) error {
	out := &resultWriter{to: httpio.NewBufferedWriter(w)}
	for _, class := range m.Layout.Classes {
		out.labels = append(out.labels, serving.NewLabelJSON(m.Model, class))
	}
	w.Header()["Content-Type"] = httpio.JSONType
	w.Header()["Model-Version"] = []string{m.Model + "/" + m.Version}
	out.writeString("[")
	for _, part := range m.Parts {
		if part.Rows == 0 {
			continue
		}
		n, _, err := s.partRows(r.Context(), m.Layout, part, position{}, maxList, out.row)
		if err != nil {
			return fmt.Errorf("send %s: %w", part.Ref.URI(), err)
		}
		out.rows += int64(n)
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

// resultWriter writes rows as the elements of a JSON list.
type resultWriter struct {
	to     *bufio.Writer
	labels []serving.LabelJSON
	line   []byte
	begun  bool
	rows   int64 // of the parts that are done
}

// row writes a label and its probabilities.
func (o *resultWriter) row(row *scores.Row) error {
	o.line = o.line[:0]
	if o.begun {
		o.line = append(o.line, ',', '\n')
	}
	o.begun = true
	label := o.labels[row.Label]
	o.line = append(o.line, label.Open...)
	o.line = serving.AppendNumbers(o.line, row.Probabilities) // which a reader of scores has found to be finite
	o.line = append(append(o.line, label.Close...), '}')
	_, err := o.to.Write(o.line)
	return err
}

// writeString writes s; a failure shows at the next flush.
func (o *resultWriter) writeString(s string) { _, _ = o.to.WriteString(s) }
