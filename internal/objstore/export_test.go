package objstore

import "github.com/minio/minio-go/v7"

// Client returns the minio-go client of a store.
func Client(s *Store) *minio.Client { return s.client.Client }

// AnswerTimeout is how long a store waits for the first sign of S3.
const AnswerTimeout = answerTimeout
