namespace Sgl.Models;

/// <summary>A tensor that a configuration requires.</summary>
/// <param name="Name">Tensor name.</param>
/// <param name="Shape">Dimensions.</param>
public sealed record ExpectedTensor(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>Whether it is a linear layer's matrix, which files may hold quantised.</summary>
    public bool Linear { get; init; }
}
