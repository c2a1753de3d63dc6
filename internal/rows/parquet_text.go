package rows

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// textWriter appends a value that is not null as text. The reason says why there is no text for the value, "" if there
// is.
type textWriter func(to []byte, v parquet.Value) (_ []byte, reason string)

// Limits of a decimal number: of its digits after the point, and of its bytes.
const (
	maxScale   = 1000
	maxDecimal = 512
)

// textOf returns the writer for a column of a logical type: a decimal has its point, a date and a time are ISO 8601,
// and an identifier is hexadecimal. Bytes of any other type are text if they are UTF-8.
func textOf(kind parquet.Kind, element *format.SchemaElement) textWriter {
	switch t := element.LogicalType.Value.(type) {
	case *format.DecimalType:
		return decimalText(kind, t.Scale)
	case *format.DateType:
		return dateText
	case *format.TimestampType:
		return timestampText(t.Unit, t.IsAdjustedToUTC)
	case *format.TimeType:
		return timeText(t.Unit)
	case *format.UUIDType:
		return uuidText
	case *format.Float16Type:
		return float16Text
	case *format.IntType:
		return integerText(t.IsSigned)
	}
	if element.ConvertedType.Valid { // of an older writer
		switch element.ConvertedType.V {
		case deprecated.Decimal:
			return decimalText(kind, element.Scale.V)
		case deprecated.Date:
			return dateText
		case deprecated.TimestampMillis:
			return timestampText(format.TimeUnit{Value: &format.MilliSeconds{}}, true)
		case deprecated.TimestampMicros:
			return timestampText(format.TimeUnit{Value: &format.MicroSeconds{}}, true)
		case deprecated.TimeMillis:
			return timeText(format.TimeUnit{Value: &format.MilliSeconds{}})
		case deprecated.TimeMicros:
			return timeText(format.TimeUnit{Value: &format.MicroSeconds{}})
		case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
			return integerText(false)
		}
	}
	return plainText(kind)
}

// plainText is the writer for a column whose kind says it all.
func plainText(kind parquet.Kind) textWriter {
	switch kind {
	case parquet.Int32, parquet.Int64:
		return integerText(true)
	case parquet.Int96:
		return int96Text
	case parquet.Float:
		return func(to []byte, v parquet.Value) ([]byte, string) { return appendFloat(to, float64(v.Float()), 32), "" }
	case parquet.Double:
		return func(to []byte, v parquet.Value) ([]byte, string) { return appendFloat(to, v.Double(), 64), "" }
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return func(to []byte, v parquet.Value) ([]byte, string) {
			text := v.ByteArray()
			if !utf8.Valid(text) {
				return to, notUTF8
			}
			return append(to, text...), ""
		}
	}
	return func(to []byte, v parquet.Value) ([]byte, string) { return strconv.AppendBool(to, v.Boolean()), "" }
}

// appendFloat writes a number as most programs do: with an exponent only if it is very small or very large.
func appendFloat(to []byte, v float64, bits int) []byte {
	if size := math.Abs(v); size == 0 || size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(to, v, 'f', -1, bits)
	}
	return strconv.AppendFloat(to, v, 'g', -1, bits)
}

func integerText(signed bool) textWriter {
	return func(to []byte, v parquet.Value) ([]byte, string) {
		switch {
		case signed:
			return strconv.AppendInt(to, integer(v), 10), ""
		case v.Kind() == parquet.Int32:
			return strconv.AppendUint(to, uint64(v.Uint32()), 10), ""
		}
		return strconv.AppendUint(to, v.Uint64(), 10), ""
	}
}

// integer returns a value of either size.
func integer(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func decimalText(kind parquet.Kind, scale int32) textWriter {
	return func(to []byte, v parquet.Value) ([]byte, string) {
		if scale < 0 || scale > maxScale {
			return to, fmt.Sprintf("a decimal with %d digits after its point", scale)
		}
		var unscaled big.Int
		if kind == parquet.Int32 || kind == parquet.Int64 {
			unscaled.SetInt64(integer(v))
		} else {
			digits := v.ByteArray()
			if len(digits) > maxDecimal {
				return to, fmt.Sprintf("a decimal of %d bytes", len(digits))
			}
			unscaled.SetBytes(digits)
			if len(digits) > 0 && digits[0]&0x80 != 0 { // two's complement
				var whole big.Int
				unscaled.Sub(&unscaled, whole.Lsh(big.NewInt(1), uint(8*len(digits))))
			}
		}
		if unscaled.Sign() < 0 {
			to = append(to, '-')
			unscaled.Neg(&unscaled)
		}
		digits := unscaled.Text(10)
		for point := len(digits) - int(scale); point <= 0; point++ {
			digits = "0" + digits
		}
		point := len(digits) - int(scale)
		to = append(to, digits[:point]...)
		if scale > 0 {
			to = append(append(to, '.'), digits[point:]...)
		}
		return to, ""
	}
}

func dateText(to []byte, v parquet.Value) ([]byte, string) {
	const day = 24 * 60 * 60
	return time.Unix(int64(v.Int32())*day, 0).UTC().AppendFormat(to, time.DateOnly), ""
}

// timestamps are written without the zeros at the end of a second's fraction.
const timestampLayout = "2006-01-02T15:04:05.999999999"

func timestampText(unit format.TimeUnit, utc bool) textWriter {
	perSecond := unitsPerSecond(unit)
	return func(to []byte, v parquet.Value) ([]byte, string) {
		units := v.Int64()
		seconds, rest := units/perSecond, units%perSecond
		to = time.Unix(seconds, rest*(int64(time.Second)/perSecond)).UTC().AppendFormat(to, timestampLayout)
		if utc {
			to = append(to, 'Z')
		}
		return to, ""
	}
}

func timeText(unit format.TimeUnit) textWriter {
	perSecond := unitsPerSecond(unit)
	return func(to []byte, v parquet.Value) ([]byte, string) {
		units := integer(v)
		seconds, rest := units/perSecond, units%perSecond
		const layout = "15:04:05.999999999"
		return time.Unix(seconds, rest*(int64(time.Second)/perSecond)).UTC().AppendFormat(to, layout), ""
	}
}

func unitsPerSecond(unit format.TimeUnit) int64 {
	if unit.Value == nil {
		return 1
	}
	return int64(time.Second / unit.Value.Duration())
}

// int96Text writes the timestamp of an older writer: nanoseconds of a day, and the Julian day.
func int96Text(to []byte, v parquet.Value) ([]byte, string) {
	const unixEpoch, day = 2440588, 24 * 60 * 60
	words := v.Int96()
	nanoseconds := int64(words[1])<<32 | int64(words[0])
	moment := time.Unix((int64(words[2])-unixEpoch)*day, nanoseconds).UTC()
	return moment.AppendFormat(to, timestampLayout), ""
}

func uuidText(to []byte, v parquet.Value) ([]byte, string) {
	id := v.ByteArray()
	if len(id) != 16 {
		return to, "not a UUID"
	}
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			to = append(to, '-')
		}
		to = hex.AppendEncode(to, part)
	}
	return to, ""
}

func float16Text(to []byte, v parquet.Value) ([]byte, string) {
	half := v.ByteArray()
	if len(half) != 2 {
		return to, "not a float16"
	}
	return appendFloat(to, float64(float16(binary.LittleEndian.Uint16(half))), 32), ""
}

// float16 returns the value of an IEEE 754 number of half precision.
func float16(bits uint16) float32 {
	const exponentBits, fractionBits = 5, 10
	sign := float32(1)
	if bits>>15 == 1 {
		sign = -1
	}
	exponent := int(bits >> fractionBits & (1<<exponentBits - 1))
	fraction := float64(bits & (1<<fractionBits - 1))
	switch exponent {
	case 0:
		return sign * float32(math.Ldexp(fraction, -24))
	case 1<<exponentBits - 1:
		if fraction != 0 {
			return float32(math.NaN())
		}
		return sign * float32(math.Inf(1))
	}
	return sign * float32(math.Ldexp(fraction+1<<fractionBits, exponent-25))
}
