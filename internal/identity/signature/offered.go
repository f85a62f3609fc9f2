package signature

import "haechi"

// signedBy returns the one of the claim's own keys that signed it, nil if none did.
// All are tried, and nothing is kept: the device is a name that anybody may have
// invented until one fits.
func (w *work) signedBy(c *haechi.Claim, want []byte) []haechi.Key {
	var d device
	m, at := d.verify(w, c, c.Keys, want)
	for m := d.macs; m != nil; m = m.next {
		m.forget()
	}
	if m == nil {
		return nil
	}
	return c.Keys[at : at+1]
}
