package mlflow

// Base is the URL of a client, for tests that look behind it.
func Base(c *Client) string { return c.base.String() }

// ReadTimeout is how long a client waits for what it reads.
const ReadTimeout = readTimeout
