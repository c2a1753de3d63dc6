package workflows

import "iris/activities"

// Names that readers of a task need, so that they need not import the activities.
type (
	// Manifest says what a finished batch consists of; it lies at objstore.BatchManifestKey.
	Manifest = activities.Manifest
	// Part is a piece of a batch's scores.
	Part = activities.Part
	// Timings are how long a batch took.
	Timings = activities.Timings
	// DatasetView is what is known of a dataset; it lies at objstore.DatasetViewKey.
	DatasetView = activities.View
	// Progress is what a running activity says in its heartbeats.
	Progress = activities.Progress
)
