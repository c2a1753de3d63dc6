package mlflow

import (
	"context"
	"net/http"
	"time"
)

// encodingTimeout bounds CheckEncoding, which runs before a program starts.
const encodingTimeout = 3 * time.Second

// CheckEncoding returns ErrEncoding if the database of MLflow cannot store text outside ASCII. MLflow has no request
// that tells its encoding, so CheckEncoding sets a tag of the default experiment. Other errors say nothing about the
// encoding.
func (c *Client) CheckEncoding(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, encodingTimeout)
	defer cancel()
	return c.set(ctx, "check the encoding", http.MethodPost, "mlflow/experiments/set-experiment-tag", map[string]string{
		"experiment_id": "0", "key": "iris.encoding", "value": "\u00b1 is stored",
	})
}
