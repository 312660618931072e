namespace Sgl.Models.Internal;

/// <summary>The safetensors names of the element types.</summary>
internal static class TensorDataTypes
{
    private static readonly (string Name, TensorDataType Type, int Size)[] All =
    [
        ("F32", TensorDataType.Float32, 4),
        ("F16", TensorDataType.Float16, 2),
        ("BF16", TensorDataType.BFloat16, 2),
        ("F64", TensorDataType.Float64, 8),
        ("I64", TensorDataType.Int64, 8),
        ("I32", TensorDataType.Int32, 4),
        ("U8", TensorDataType.UInt8, 1),
        ("I8", TensorDataType.Int8, 1),
        ("F8_E4M3", TensorDataType.Float8E4M3, 1),
        ("BOOL", TensorDataType.Bool, 1),
    ];

    public static string Known { get; } = string.Join(", ", All.Select(a => a.Name));

    public static bool TryParse(string? name, out TensorDataType type)
    {
        foreach (var entry in All)
        {
            if (entry.Name == name)
            {
                type = entry.Type;
                return true;
            }
        }

        type = default;
        return false;
    }

    public static int Size(TensorDataType type) => Array.Find(All, a => a.Type == type).Size;

    public static string Name(TensorDataType type) => Array.Find(All, a => a.Type == type).Name;

    public static bool IsFloat(TensorDataType type) =>
        type is TensorDataType.Float32 or TensorDataType.Float16 or TensorDataType.BFloat16 or TensorDataType.Float64;
}
