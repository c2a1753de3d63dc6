package workflows

import "iris/activities"

// Names that readers of a task need, so that they need not import the activities.
type (
	// Manifest says what a finished batch consists of; it lies at objstore.BatchManifestKey.
	Manifest = activities.Manifest
	// Progress is what a running activity says in its heartbeats.
	Progress = activities.Progress
)
