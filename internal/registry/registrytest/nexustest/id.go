package nexustest

import (
	"cmp"
	"crypto/aes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// SQL releases show a row's number multiplied by an odd constant modulo 2^32,
// in hexadecimal without leading zeros; the inverse multiplier gives it back.
const (
	idMultiplier = 1327217885
	idInverse    = 828308341
)

// Failures of an id, told apart because they have different status codes.
var (
	errNotBase64   = errors.New("not base64")
	errNotTwo      = errors.New("not repository and id")
	errMalformedID = errors.New("malformed id")
)

// row is anything with a number of its own in a table: component or asset.
type row interface{ number() int }

// recordCipher stands in for OrientDB's encrypted record ids: clients see 32
// hexadecimal digits that mean nothing to them.
var recordCipher = func() interface {
	Encrypt(dst, src []byte)
	Decrypt(dst, src []byte)
} {
	block, err := aes.NewCipher([]byte("nexustest orient"))
	if err != nil {
		panic(err)
	}
	return block
}()

func (v release) externalID(r row) string {
	if !v.orient() {
		return strconv.FormatUint(uint64(uint32(r.number())*idMultiplier), 16)
	}
	var block [aes.BlockSize]byte
	binary.BigEndian.PutUint64(block[8:], uint64(r.number()))
	recordCipher.Encrypt(block[:], block[:])
	return hex.EncodeToString(block[:])
}

// reveal is the inverse of externalID. On SQL, what is no hexadecimal number
// is tried as a decimal row number.
func (v release) reveal(external string) (int, error) {
	if v.orient() {
		block, err := hex.DecodeString(external)
		if err != nil || len(block) != aes.BlockSize {
			return 0, errMalformedID
		}
		recordCipher.Decrypt(block, block)
		return int(int32(binary.BigEndian.Uint64(block[8:]))), nil
	}
	if n, err := strconv.ParseUint(external, 16, 32); err == nil {
		return int(int32(uint32(n) * idInverse)), nil
	}
	if n, err := strconv.ParseInt(external, 10, 32); err == nil {
		return int(n), nil
	}
	return 0, errMalformedID
}

func (v release) itemID(repository string, r row) string {
	return base64.RawURLEncoding.EncodeToString([]byte(repository + ":" + v.externalID(r)))
}

func splitItemID(encoded string) (repository, external string, err error) {
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return "", "", errNotBase64
	}
	parts := strings.Split(string(decoded), ":")
	if len(parts) != 2 {
		return "", "", errNotTwo
	}
	return parts[0], parts[1], nil
}

// position is where the row with that number is or would be among rows in
// ascending order.
func position[R row](rows []R, number int) (int, bool) {
	return slices.BinarySearchFunc(rows, number, func(r R, n int) int { return cmp.Compare(r.number(), n) })
}

// after is the keyset "number > n ORDER BY number": it holds whether or not
// row n still exists, which makes deleting while paging safe.
func after[R row](rows []R, n int) []R {
	i, found := position(rows, n)
	if found {
		i++
	}
	return rows[i:]
}
