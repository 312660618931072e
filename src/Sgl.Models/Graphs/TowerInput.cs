namespace Sgl.Models;

/// <summary>A tensor that a vision tower is fed beside the pixels.</summary>
/// <param name="Name">Input of the graph.</param>
/// <param name="Shape">Dimensions.</param>
public abstract record TowerInput(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>float32.</summary>
    /// <param name="Name">Input of the graph.</param>
    /// <param name="Shape">Dimensions.</param>
    /// <param name="Values">Row-major.</param>
    public sealed record Floats(string Name, IReadOnlyList<long> Shape, float[] Values) : TowerInput(Name, Shape);

    /// <summary>int64: row numbers.</summary>
    /// <param name="Name">Input of the graph.</param>
    /// <param name="Shape">Dimensions.</param>
    /// <param name="Values">Row-major.</param>
    public sealed record Rows(string Name, IReadOnlyList<long> Shape, long[] Values) : TowerInput(Name, Shape);

    /// <summary>int32: lengths.</summary>
    /// <param name="Name">Input of the graph.</param>
    /// <param name="Shape">Dimensions.</param>
    /// <param name="Values">Row-major.</param>
    public sealed record Lengths(string Name, IReadOnlyList<long> Shape, int[] Values) : TowerInput(Name, Shape);
}
