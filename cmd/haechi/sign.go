package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/brick/framesign"
	"haechi/internal/operate/seal"
)

// Bounds of what is read.
const (
	maxSealLine = 1 << 20
	maxKeyFile  = 16 << 10
)

// sealing are the flags that sign and verify share.
type sealing struct {
	opt       seal.Options
	profile   *choice
	direction *choice
	keyFile   string
	time      millis
	seq       sequence
}

// flags adds them. The key is never one of them: others see a command line.
func (s *sealing) flags(o *options, cmd *cobra.Command) {
	s.profile = o.choose(cmd, "profile", seal.Lines, "whose frames they are", seal.Lines, seal.Bot)
	s.direction = o.choose(cmd, "direction", "up", "up: device to server; down: server to device", "up", "down")
	cmd.Flags().StringVar(&s.keyFile, "key-file", "", "file with what haechi devices key DEVICE --json printed, or with the secret alone")
	cmd.Flags().StringVar(&s.opt.KeyID, "key-id", "", "id of the key, if the file does not say it")
	cmd.Flags().StringVar(&s.opt.Device, "device", "", "the device, if the file does not say it")
}

// open reads the key and the frames' source.
func (s *sealing) open(o *options, cmd *cobra.Command, args []string) (seal.Key, io.ReadCloser, error) {
	if s.keyFile == "" {
		return seal.Key{}, nil, o.print.misuse("usage.key_file", cmd.CommandPath())
	}
	s.opt.Profile, s.opt.Millis, s.opt.Seq = s.profile.value, int64(s.time), uint64(s.seq)
	if s.direction.value == "down" {
		s.opt.Direction = framesign.Down
	}
	key, err := readKey(s.keyFile)
	if err != nil {
		return key, nil, err
	}
	if len(args) == 0 || args[0] == "-" {
		return key, io.NopCloser(cmd.InOrStdin()), nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return key, nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the frames", Err: err}
	}
	return key, f, nil
}

func readKey(path string) (seal.Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return seal.Key{}, &haechi.Error{Kind: haechi.NotFound, Op: "read the key file", Err: err}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	switch {
	case err != nil:
		return seal.Key{}, &haechi.Error{Op: "read the key file", Err: err}
	case len(b) > maxKeyFile:
		return seal.Key{}, &haechi.Error{Kind: haechi.Invalid, Op: "read the key file", Msg: "it is too long for a key"}
	}
	return seal.ParseKey(b)
}

// lines calls do with every line that is not blank, without its end, and its number.
func lines(r io.Reader, do func(n int, line []byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxSealLine)
	n := 0
	for sc.Scan() {
		n++
		line := sc.Bytes() // without its end, LF or CR LF
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := do(n, line); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil {
		return &haechi.Error{Kind: haechi.Invalid, Op: "read the frames", Msg: fmt.Sprintf("line %d", n+1), Err: err}
	}
	return nil
}

func signCommand(o *options) *cobra.Command {
	s := new(sealing)
	cmd := &cobra.Command{Use: "sign [FILE]", Short: "Sign frames by hand, one a line, with a key from a file", Args: o.atMost(1),
		Long: `Signs frames as a device does, one a line, from a file or standard input. To a frame
that lacks its signature, everything that is missing is added; one that has 64 zeros in
its place is signed as it is. Nothing is sent, and no gateway is needed.

What is signed is in docs/signature.md.`,
		Example: "  haechi sign --key-file key.json readings.jsonl\n" +
			"  haechi sign --profile messengerbot --key-file key.json --nonce 0123456789abcdef message.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			key, in, err := s.open(o, cmd, args)
			if err != nil {
				return err
			}
			defer in.Close()
			signer, err := seal.NewSigner(key, s.opt)
			if err != nil {
				return err
			}
			return lines(in, func(_ int, line []byte) error {
				signed, err := signer.Sign(line, time.Now())
				if err != nil {
					return err
				}
				return o.print.signed(signed)
			})
		}}
	s.flags(o, cmd)
	cmd.Flags().Var(&s.seq, "seq", "sequence number of the first frame (signed-lines); the next ones count on")
	cmd.Flags().StringVar(&s.opt.Nonce, "nonce", "", "nonce instead of a random one (messengerbot)")
	cmd.Flags().Var(&s.time, "time", "Unix milliseconds instead of now, 13 digits")
	cmd.Flags().BoolVar(&s.opt.OlderOnly, "older-only", false, "without the signature that covers the whole frame (messengerbot)")
	return cmd
}

// signed prints a frame to the byte: a changed one would not verify. A terminal could
// act on it, so there only a harmless one is shown.
func (p *printer) signed(s seal.Signed) error {
	if p.json {
		return p.encode(s, "")
	}
	if p.terminal && cell(s.Frame) != s.Frame {
		return &haechi.Error{Kind: haechi.Invalid, Op: "print the frame", Msg: "it holds characters that act on a terminal", Hint: "send the output to a file"}
	}
	_, err := fmt.Fprintf(p.out, "%s\n", s.Frame)
	return err
}

func verifyFramesCommand(o *options) *cobra.Command {
	s := new(sealing)
	var bound bool
	cmd := &cobra.Command{Use: "verify [FILE]", Short: "Verify signed frames, one a line, and say which check fails", Args: o.atMost(1),
		Long: `Verifies frames, one a line, from a file or standard input, with a key from a file, and
says which check fails. Exit code 1 if any frame is refused. Whether a frame is a replay
or too old only the gateway can say.`,
		Example: "  haechi verify --key-file key.json captured.jsonl\n" +
			"  haechi verify --profile messengerbot --key-file key.json --bound captured.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			key, in, err := s.open(o, cmd, args)
			if err != nil {
				return err
			}
			defer in.Close()
			judge, err := seal.NewJudge(key, s.opt, bound)
			if err != nil {
				return err
			}
			refused, seen := 0, 0
			err = lines(in, func(n int, line []byte) error {
				v := judge.Judge(line)
				seen++
				if !v.OK {
					refused++
				}
				return o.print.verdict(n, &v)
			})
			switch {
			case err != nil:
				return err
			case seen == 0:
				return &haechi.Error{Kind: haechi.Invalid, Op: "verify", Msg: "there is no frame to verify"}
			case refused > 0:
				return reported{fmt.Errorf("%d of %d frames are refused", refused, seen)}
			}
			return nil
		}}
	s.flags(o, cmd)
	cmd.Flags().BoolVar(&bound, "bound", false, "refuse frames whose signature does not cover them whole (messengerbot)")
	return cmd
}

// verdict prints one line about a frame; in JSON one object a line.
func (p *printer) verdict(n int, v *seal.Verdict) error {
	if p.json {
		return p.encode(struct {
			Line int `json:"line"`
			*seal.Verdict
		}{n, v}, "")
	}
	switch {
	case !v.OK:
		p.say("cli.frame_refused", n, v.Check, p.t("cli.check_"+v.Check))
	case v.Bound:
		p.say("cli.frame_good", n, v.Event, v.Device, v.KeyID, p.when(v.Signed))
	default:
		p.say("cli.frame_older", n, v.Event, v.Device, p.when(v.Signed))
	}
	return nil
}

// millis is a flag for a time in Unix milliseconds.
type millis int64

// String, Set and Type implement the flag library's Value.
func (m *millis) String() string {
	if *m == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*m), 10)
}

// Set reads exactly thirteen digits.
func (m *millis) Set(s string) error {
	v, err := seal.ParseMillis(s)
	if err != nil {
		return errors.New("1753412789123")
	}
	*m = millis(v)
	return nil
}

// Type names the value in the help.
func (m *millis) Type() string { return "milliseconds" }

// sequence is a flag for a sequence number.
type sequence uint64

// String, Set and Type implement the flag library's Value.
func (n *sequence) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(*n), 10)
}

// Set reads 1 to 2^53-1.
func (n *sequence) Set(s string) error {
	v, err := strconv.ParseUint(s, 10, 53)
	if err != nil || v == 0 {
		return errors.New("1 … 9007199254740991")
	}
	*n = sequence(v)
	return nil
}

// Type names the value in the help.
func (n *sequence) Type() string { return "number" }
