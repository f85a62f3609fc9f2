// Package yamlfile reads a YAML file strictly into a shape and names the line of whatever
// is wrong with it, found here or by its reader. It is a brick: it knows files and fields,
// nothing of what they mean.
//
// It promises an error in place of a panic of the library, and that unknown and doubled
// keys are errors.
package yamlfile
