package apiserver

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"iris/internal/champions"
)

// acceptedRows counts the rows of batches that were started, by model. It forgets a model that was deleted.
type acceptedRows struct {
	*prometheus.CounterVec

	mu   sync.Mutex
	last map[string]time.Time // guarded by mu: when a batch of each model was last counted
}

func newAcceptedRows() *acceptedRows {
	return &acceptedRows{
		CounterVec: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iris_batch_rows_accepted_total",
			Help: "Rows of batches that were started. " +
				"Rows of a data_path are not counted, because their number is not known yet.",
		}, []string{"model"}),
		last: map[string]time.Time{},
	}
}

func (a *acceptedRows) add(modelName string, rows int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last[modelName] = time.Now()
	a.WithLabelValues(modelName).Add(float64(rows))
}

// sweep drops the models that MLflow no longer had after their last batch was counted. A model may be younger than the
// list.
func (a *acceptedRows) sweep(registered *champions.Registered) {
	if registered == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, counted := range a.last {
		if counted.Before(registered.At) && !registered.Has(name) {
			delete(a.last, name)
			a.DeleteLabelValues(name)
		}
	}
}
