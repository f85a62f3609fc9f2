package console_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// untilOver is an API whose answers last as long as they may.
var untilOver = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })

// newPassword replaces minji's password behind the console's back.
func (b *bubble) newPassword() {
	b.t.Helper()
	err := b.settings.SetSetting(b.t.Context(), "console/user/minji", []byte("$argon2id$another"), time.Time{})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bubble) logout() {
	b.t.Helper()
	req := httptest.NewRequest(http.MethodPost, "https://console/logout", nil)
	req.Header.Set("Origin", "https://console")
	req.AddCookie(b.cookie)
	b.handler.ServeHTTP(httptest.NewRecorder(), req)
}

// TestFollowEndsWithItsSession: following events by the JSON interface is bound
// to the session for as long as it lasts.
func TestFollowEndsWithItsSession(t *testing.T) {
	for _, c := range []struct {
		name  string
		end   func(b *bubble)
		lasts time.Duration // before the end
		after time.Duration // the latest end after it
	}{
		{"logout", (*bubble).logout, time.Minute, 0},
		{"password", (*bubble).newPassword, time.Minute, 15 * time.Second},
		{"expiry", func(*bubble) {}, 30*time.Minute - time.Second, 16 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubbleWith(t, untilOver)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				req := httptest.NewRequestWithContext(ctx, http.MethodGet, "https://console/api/v1/events/follow", nil)
				req.AddCookie(b.cookie)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					b.handler.ServeHTTP(httptest.NewRecorder(), req)
				}()
				time.Sleep(c.lasts)
				synctest.Wait()
				select {
				case <-ended:
					t.Fatal("it ended too early")
				default:
				}
				c.end(b)
				time.Sleep(c.after)
				synctest.Wait()
				select {
				case <-ended:
				default:
					t.Error("it goes on")
					cancel()
					<-ended
				}
			})
		})
	}
}

// TestNewPasswordEndsStream: somebody whose session was stolen ends the thief's
// live stream, too, by a new password.
func TestNewPasswordEndsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: b.handler}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		tr := &http.Transport{DisableKeepAlives: true, DialContext: l.dial}
		conn, _, err := websocket.Dial(t.Context(), "ws://console/live", &websocket.DialOptions{HTTPClient: &http.Client{Transport: tr},
			HTTPHeader: http.Header{"Origin": {"https://console"}, "Cookie": {b.cookie.Name + "=" + b.cookie.Value}}})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			for err == nil {
				_, _, err = conn.Read(t.Context())
			}
			ended <- err
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(ended) != 0 {
			t.Fatalf("it ended too early: %v", <-ended)
		}
		b.newPassword()
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if len(ended) == 0 {
			t.Error("the stream goes on")
		} else if err := <-ended; websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("the stream ends with %v", err)
		}
		_ = conn.CloseNow()
		b.handler.Close()
		_ = server.Close()
		<-served
		tr.CloseIdleConnections()
	})
}

// pipes is a listener whose connections are pipes, which a fake clock knows.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, io.EOF
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
