package kakaodb

// Address and Short are the readers of what the tables hold, for the fuzz targets.
var (
	Address = address
	Short   = func(v []byte, most int) string { return short(v, most) }
)
