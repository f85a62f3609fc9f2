package rules

import (
	"haechi/internal/brick/yamlfile"
)

// raw is the shape of a rule file. Texts with a grammar of their own stay texts
// here, so that every error can name its line.
type raw struct {
	ID        string   `yaml:"id"`
	Version   int      `yaml:"version"`
	Title     rawTitle `yaml:"title"`
	About     string   `yaml:"about"`
	Pattern   string   `yaml:"pattern"`
	Kinds     []string `yaml:"kinds"`
	Outcome   string   `yaml:"outcome"`
	Match     string   `yaml:"match"`
	Group     string   `yaml:"group"`
	Aggregate string   `yaml:"aggregate"`
	Window    string   `yaml:"window"`
	Threshold *float64 `yaml:"threshold"`
	Min       uint64   `yaml:"min"`
	Hours     string   `yaml:"hours"`
	Zone      string   `yaml:"zone"`
	Severity  string   `yaml:"severity"`
	Technique string   `yaml:"technique"`
	Score     float64  `yaml:"score"`
	Action    string   `yaml:"action"`
	For       string   `yaml:"for"`
	Mode      string   `yaml:"mode"`
	Spoofable bool     `yaml:"spoofable"`
	Cooldown  string   `yaml:"cooldown"`
	// Detector names code that counts; Sentence and Parameters belong to it.
	Detector   string         `yaml:"detector"`
	Sentence   rawTitle       `yaml:"sentence"`
	Parameters map[string]any `yaml:"parameters"`
	Examples   struct {
		MustFire    []rawExample `yaml:"must_fire"`
		MustNotFire []rawExample `yaml:"must_not_fire"`
	} `yaml:"examples"`
}

type rawTitle struct {
	EN string `yaml:"en"`
	KO string `yaml:"ko"`
}

// rawExample is a sequence of events and what must come of it.
type rawExample struct {
	Name     string     `yaml:"name"`
	Start    string     `yaml:"start"` // RFC 3339; default noon UTC
	Events   []rawEvent `yaml:"events"`
	Findings int        `yaml:"findings"` // for must_fire: exactly so many; 0: at least one
}

// rawEvent stands for Repeat events, Every apart. In its texts, {i} is the number
// of the repetition from 0.
type rawEvent struct {
	At     string `yaml:"at"` // since the start; default after the event before
	Repeat int    `yaml:"repeat"`
	Every  string `yaml:"every"`

	Kind      string `yaml:"kind"`
	Outcome   string `yaml:"outcome"`
	Reason    string `yaml:"reason"`
	Rule      string `yaml:"rule"`
	Service   string `yaml:"service"`
	Client    string `yaml:"client"`
	Device    string `yaml:"device"`
	User      string `yaml:"user"`
	Assurance string `yaml:"assurance"` // default handshaken
	Room      string `yaml:"room"`
	Frame     string `yaml:"frame"`
	Method    string `yaml:"method"`
	Host      string `yaml:"host"`
	Path      string `yaml:"path"`
	Class     string `yaml:"class"`
	UserAgent string `yaml:"user_agent"`
	Name      string `yaml:"name"`
	Type      string `yaml:"type"`
	Protocol  string `yaml:"protocol"`
	Status    int    `yaml:"status"`
	Count     uint64 `yaml:"count"`
	BytesIn   int64  `yaml:"bytes_in"`
	BytesOut  int64  `yaml:"bytes_out"`
	Provoked  bool   `yaml:"provoked"`
	Shadow    bool   `yaml:"shadow"`
	Allowed   bool   `yaml:"allowed"`
}

// source is one rule file.
type source struct {
	*yamlfile.File
	raw raw
}

func parse(name string, text []byte) *source {
	s := new(source)
	s.File = yamlfile.Parse(name, text, &s.raw)
	return s
}
