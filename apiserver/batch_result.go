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

// BatchStatus is the answer for a batch without results.
type BatchStatus struct {
	Status workflows.State `json:"status" enum:"PENDING,FAILURE,REVOKED,LOST" doc:"PENDING until the batch has ended."`
	workflows.TaskProgress
	Error string `json:"error,omitempty" doc:"Why the batch failed."`
	Rows  string `json:"rows,omitempty" doc:"Of a cancelled batch: the route of the results that were finished."`
}

// maxList is how many results are sent as one list.
const maxList = 10_000

// BatchRow is an element of the results of a batch.
type BatchRow struct {
	Specie string      `json:"specie,omitempty" doc:"The label. Only the model iris has this field." example:"setosa"`
	Logits [][]float64 `json:"logits" nullable:"false" doc:"One row: a probability per class, in class order."`
	Label  string      `json:"label" doc:"The most probable class." example:"setosa"`
}

// getResult answers with the results of a batch, or with its progress. It looks for the manifest first, because the
// manifest outlives the workflow.
func (bs *batches) getResult(w http.ResponseWriter, r *http.Request) error {
	m, t, err := bs.find(r)
	switch {
	case err != nil:
		return err
	case m == nil:
		return sendBatchStatus(w, t, nil)
	}
	setBadRowsHeader(w, m)
	switch {
	case m.State == string(workflows.Revoked):
		if t, err = bs.findRevoked(r, m); err != nil {
			return err
		}
		return sendBatchStatus(w, t, m)
	case m.Rows > maxList:
		w.Header().Set("Location", batchLocation(m.Model, m.TaskID)+"/output")
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	return bs.sendResults(w, r, m)
}

// findRevoked returns the task of a cancelled batch that has a manifest. If the task is no longer known, the manifest
// stands in for it.
func (bs *batches) findRevoked(r *http.Request, m *workflows.Manifest) (Task, error) {
	t, err := bs.tasks.findFor(r.Context(), mux.Vars(r)["task_id"], workflows.BatchType, bs.models.Name(r))
	var p *problem.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return Task{
			TaskID: m.TaskID, State: workflows.Revoked,
			TaskProgress: workflows.TaskProgress{
				Done: m.Rows + m.BadRows, Unit: "rows", BadRows: m.BadRows, Failed: m.BadRows,
			},
			Error: &workflows.TaskError{Message: "cancelled"},
		}, nil
	}
	return t, err
}

// sendBatchStatus answers with the progress of a batch. A cancelled batch may have a manifest.
func sendBatchStatus(w http.ResponseWriter, t Task, m *workflows.Manifest) error {
	status := BatchStatus{Status: t.State, TaskProgress: t.TaskProgress}
	switch t.State {
	case workflows.Failure, workflows.Revoked, workflows.Lost:
		status.ETASeconds, status.RowsPerSecond = 0, 0 // they are of the last moment
	default:
		status.Status = workflows.Pending
		w.Header().Set("Retry-After", "1")
	}
	if t.Error != nil {
		status.Error = t.Error.Message
	}
	if m != nil {
		status.Rows = batchLocation(m.Model, m.TaskID) + "/rows"
	}
	return httpio.WriteJSON(w, http.StatusOK, status)
}

// sendResults streams the parts of a batch as one list. Memory does not grow with them. After an error the answer is
// cut off.
func (bs *batches) sendResults(w http.ResponseWriter, r *http.Request, m *workflows.Manifest) error {
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
		n, _, err := bs.readPart(r.Context(), m.Layout, part, position{}, maxList, out.row)
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
	rows   int64 // of the parts that are written
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
	o.line = serving.AppendNumbers(o.line, row.Probabilities) // a reader of scores returns only finite ones
	o.line = append(append(o.line, label.Close...), '}')
	_, err := o.to.Write(o.line)
	return err
}

// writeString writes s. An error shows at the next flush.
func (o *resultWriter) writeString(s string) { _, _ = o.to.WriteString(s) }
