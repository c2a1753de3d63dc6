package mlflow

// Base returns the URL of a client.
func Base(c *Client) string { return c.base.String() }

// ReadTimeout is how long a client waits for a request that reads.
const ReadTimeout = readTimeout
