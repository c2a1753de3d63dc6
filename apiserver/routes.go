package apiserver

// addRoutes adds all routes. The first one that matches a path wins. Predictions come first because they are the most
// frequent requests; then routes that begin with a literal; then those that begin with the name of a model, which
// cannot be one of the literals (model.ReservedNames).
func (s *Server) addRoutes() {
	r, docs := s.router, s.router.docs
	r.add(s.serving.Routes(docs))
	r.add(s.inference.Routes(docs))

	addJSON(r, statusOperation("get-root", "/", "Check that the process is alive"), s.health.getAlive)
	addJSON(r, statusOperation("get-health", "/healthz", "Check that the process is alive"), s.health.getAlive)
	addJSON(r, statusOperation("get-ready", "/readyz", "Check that the process can serve"), s.health.getReady)
	r.plain(documentOperation("get-metrics", "/metrics", "Get metrics for Prometheus", "text/plain"), s.getMetrics)
	r.plain(documentOperation("get-openapi", "/openapi.json", "Get this API as OpenAPI 3.1", "application/json"),
		s.apiDocument.get)
	r.plain(documentOperation("get-docs", "/docs", "Get this API as a page", "text/html"), getDocs)
	r.plain(documentOperation("get-docs-file", "/docs/{file}", "Get a file of the page", "*/*"), getDocs)

	addJSON(r, listTasksOperation("/tasks"), s.tasks.list)
	addJSON(r, getTaskOperation("get-task", "/tasks/{task_id}"), s.tasks.get)
	addJSON(r, cancelTaskOperation("/tasks/{task_id}"), s.tasks.cancel)
	addJSON(r, leaderboardOperation("/tasks/{task_id}/leaderboard"), s.tasks.leaderboard)
	addJSON(r, verdictOperation("approve", "/tasks/{task_id}/approve"), s.tasks.approve)
	addJSON(r, verdictOperation("reject", "/tasks/{task_id}/reject"), s.tasks.reject)
	addJSON(r, listModelsOperation("/models"), s.models.list)
	addJSON(r, listAlgorithmsOperation("/algorithms"), listAlgorithms)

	addJSON(r, listDatasetsOperation("/datasets"), s.datasets.list)
	r.plain(uploadDatasetOperation(docs, "/datasets"), s.datasets.handleUpload)
	addJSON(r, getDatasetOperation("/datasets/{digest}"), s.datasets.get)
	addJSON(r, patchDatasetOperation("/datasets/{digest}"), s.datasets.patch)
	addJSON(r, datasetReportOperation("/datasets/{digest}/report"), s.datasets.report)
	addJSON(r, datasetBatchesOperation("/datasets/{digest}/batches"), s.datasets.batches)

	r.plain(batchOperation(docs, "/predict/batch"), s.batches.start)
	s.addBatchResultRoutes("/predict/batch/{task_id}")
	r.plain(trainingOperation(docs, "/training"), s.trainings.start)
	addJSON(r, getTaskOperation("get-default-training", "/training/{task_id}"), s.trainings.getDefault)

	r.add(s.kserve.Routes(docs))
	r.add(s.scoring.Routes(docs))

	r.plain(batchOperation(docs, "/{model}/predict/batch"), s.batches.start)
	s.addBatchResultRoutes("/{model}/predict/batch/{task_id}")
	r.plain(trainingOperation(docs, "/{model}/training"), s.trainings.start)
	addJSON(r, getTaskOperation("get-training", "/{model}/training/{task_id}"), s.trainings.get)
	addJSON(r, listVersionsOperation("/{model}/versions"), s.models.listVersions)
	addJSON(r, getVersionOperation("/{model}/versions/{version}"), s.models.getVersion)
	addJSON(r, versionBatchesOperation("/{model}/versions/{version}/batches"), s.models.batches)
	addJSON(r, promoteOperation("/{model}/champion"), s.models.putChampion)
	addJSON(r, rollbackOperation("/{model}/rollback"), s.models.rollBack)
	addJSON(r, historyOperation("/{model}/history"), s.models.history)
}

// addBatchResultRoutes adds the routes of the results of a batch, below the path of the batch.
func (s *Server) addBatchResultRoutes(path string) {
	r, docs := s.router, s.router.docs
	r.plain(batchResultOperation(docs, path), s.batches.getResult)
	r.plain(batchRowsOperation(docs, path+"/rows"), s.batches.getRows)
	r.plain(batchOutputOperation(path+"/output"), s.batches.getOutput)
	r.plain(batchErrorsOperation(path+"/errors"), s.batches.getErrors)
	r.plain(batchLinksOperation(docs, path+"/links"), s.batches.getLinks)
	r.plain(batchManifestOperation(docs, path+"/manifest"), s.batches.getManifest)
}
