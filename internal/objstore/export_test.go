package objstore

import "github.com/minio/minio-go/v7"

// Client is minio-go's client of a store, for tests that look behind it.
func Client(s *Store) *minio.Client { return s.client.Client }

// AnswerTimeout is how long a store waits for S3 to say anything.
const AnswerTimeout = answerTimeout
