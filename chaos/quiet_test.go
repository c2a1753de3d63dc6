package chaos

import (
	"log/slog"

	"go.temporal.io/sdk/log"
)

// quiet returns a logger for a client whose server is killed and started again.
func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }
