package apiserver

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/workflows"
)

// cleanupTimeout bounds the removal of what a request that failed has left in the store.
const cleanupTimeout = 10 * time.Second

// handleBatch starts a batch prediction: it pins the version, checks every row with that version's schema, puts the rows
// where the workers find them and starts the workflow.
func (s *Server) handleBatch(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), s.modelName(r)
	if err := wantJSON(r); err != nil {
		return err
	}
	if err := s.mustExist(ctx, name); err != nil {
		return err
	}
	body, release, err := s.readBulk(r, s.MaxBody)
	defer release()
	if err != nil {
		return err
	}
	request, err := dataset.ParseBatchRequest(body)
	if err != nil {
		return err
	}
	served, err := s.pin(ctx, name, request.ModelID)
	if err != nil {
		return err
	}
	rows, count, err := rowsCSV(served.Model.Schema().Features, request.Data)
	if err != nil {
		return err
	}
	id := workflows.NewBatchID(name)
	input, err := s.Store.Put(ctx, s.Bucket, objstore.BatchInputKey(id), bytes.NewReader(rows), int64(len(rows)), "text/csv")
	if err != nil {
		return fmt.Errorf("store the rows of %s: %w", id, err)
	}
	_, err = s.start(ctx, id, name, fmt.Sprintf("score %d rows with %s/%s", count, name, served.Version.Number), workflows.BatchPrediction,
		workflows.BatchInput{Model: name, ModelID: served.Version.URI(), Rows: input, Count: int64(count)})
	if err != nil {
		s.discard(ctx, w, input)
		return err
	}
	s.metrics.batched.WithLabelValues(name).Add(float64(count))
	return accepted(w, batchLocation(name, id), id)
}

// batchLocation is the route of the results of a batch.
func batchLocation(modelName, id string) string {
	return "/" + modelName + "/predict/batch/" + url.PathEscape(id)
}

// pin loads the version that a batch asks for. Without one it is the champion that this process serves.
func (s *Server) pin(ctx context.Context, name, ref string) (*registry.Served, error) {
	if ref == "" {
		if served := s.Cache.Champion(name); served != nil {
			return served, nil
		}
		return nil, s.noChampion(ctx, name)
	}
	return s.load(ctx, name, ref, Fault{Pointer: "/model_id"})
}

// rowsCSV is an array of rows as the CSV that BatchPrediction reads. It is never longer than the JSON, which names every
// feature again in every row.
func rowsCSV(features []string, data []byte) ([]byte, int, error) {
	var out bytes.Buffer
	header := csv.NewWriter(&out)
	if err := header.Write(features); err != nil {
		return nil, 0, fmt.Errorf("write the header of the rows: %w", err)
	}
	header.Flush()
	var line []byte
	count, err := dataset.NewRowDecoder(features).DecodeRows(data, func(x []float64) error {
		line = line[:0]
		for i, v := range x {
			if i > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendFloat(line, v, 'g', -1, 64)
		}
		_, err := out.Write(append(line, '\n'))
		return err
	})
	return out.Bytes(), count, err
}

// discard removes an object that nothing refers to, also when the client has hung up. Failing that, it expires.
func (s *Server) discard(ctx context.Context, w http.ResponseWriter, ref objstore.Ref) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.Store.Delete(ctx, ref.Bucket, ref.Key); err != nil && !errors.Is(err, objstore.ErrNotExist) {
		s.log(w).Warn("an object was left behind", "object", ref.URI(), "error", err)
	}
}
