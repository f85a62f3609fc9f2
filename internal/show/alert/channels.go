package alert

import (
	"context"
	"strings"

	"haechi"
)

// Webhook posts updates as JSON.
type Webhook struct{ post *poster }

// NewWebhook returns a channel that posts to the address in the file. It fails
// with kind Invalid when there is none.
func NewWebhook(urlFile string) (*Webhook, error) {
	p, err := newPoster(urlFile)
	if err != nil {
		return nil, err
	}
	return &Webhook{p}, nil
}

// Name is "webhook".
func (*Webhook) Name() string { return "webhook" }

// Deliver posts the update.
func (w *Webhook) Deliver(ctx context.Context, u *Update) error { return w.post.post(ctx, u) }

// Slack posts updates to a Slack incoming webhook (row B55).
type Slack struct{ post *poster }

// NewSlack returns a channel that posts to the incoming webhook in the file. It
// fails with kind Invalid when there is none.
func NewSlack(urlFile string) (*Slack, error) {
	p, err := newPoster(urlFile)
	if err != nil {
		return nil, err
	}
	return &Slack{p}, nil
}

// Name is "slack".
func (*Slack) Name() string { return "slack" }

type slackMessage struct {
	Text        string            `json:"text"`
	UnfurlLinks bool              `json:"unfurl_links"`
	UnfurlMedia bool              `json:"unfurl_media"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Color    string   `json:"color"`
	Title    string   `json:"title"`
	Text     string   `json:"text"`
	Fallback string   `json:"fallback"`
	Time     int64    `json:"ts"`
	Markdown []string `json:"mrkdwn_in"` // none: what a peer chose is text
}

// Deliver posts the update as a message with one coloured attachment.
func (s *Slack) Deliver(ctx context.Context, u *Update) error {
	title, text := slackText(u.Title()), slackText(u.Text())
	return s.post.post(ctx, slackMessage{Text: title, Attachments: []slackAttachment{{
		Color: slackColor(u), Title: title, Text: text, Fallback: title + ": " + text, Time: u.Time.Unix(), Markdown: []string{},
	}}})
}

// slackText escapes what Slack reads as links and mentions.
func slackText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func slackColor(u *Update) string {
	switch {
	case u.Kind == Cleared:
		return "good"
	case u.Severity() >= haechi.High:
		return "danger"
	case u.Severity() == haechi.Medium:
		return "warning"
	}
	return "#439fe0"
}
