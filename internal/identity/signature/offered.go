package signature

import "haechi"

// signedBy returns the one of the claim's own keys that signed it, nil if none did.
// All are tried, and nothing is kept: the device is a name that anybody may have
// invented until one fits.
func signedBy(c *haechi.Claim, want []byte) []haechi.Key {
	var d device
	m, at := d.verify(c, c.Keys, want)
	for _, m := range d.macs {
		m.forget()
	}
	if m == nil {
		return nil
	}
	return c.Keys[at : at+1]
}
