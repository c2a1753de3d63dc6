package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"
)

// maxDeaths is how many attempts of an activity may end without a word, one after the other. Work that kills its worker
// would else kill worker after worker.
const maxDeaths = 3

// errWorkerDied marks work that is given up after maxDeaths.
var errWorkerDied = errors.New("the worker died")

// deaths counts the attempts just before this one that ended without a word: their last heartbeat is not that of an
// attempt that returned. Their worker was killed, or could not reach Temporal for the heartbeat timeout.
func deaths(ctx context.Context) int {
	if !activity.HasHeartbeatDetails(ctx) {
		return 0
	}
	var last Progress
	if err := activity.GetHeartbeatDetails(ctx, &last); err != nil || last.Ended {
		return 0
	}
	return last.Deaths + 1
}

// checkDeaths gives up work during which the worker has died several times in a row.
func checkDeaths(ctx context.Context, work string) error {
	if deaths(ctx) < maxDeaths {
		return nil
	}
	return fmt.Errorf("%w three times during %s", errWorkerDied, work)
}
