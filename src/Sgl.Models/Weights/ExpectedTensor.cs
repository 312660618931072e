namespace Sgl.Models;

/// <summary>A tensor that a configuration requires.</summary>
/// <param name="Name">Tensor name.</param>
/// <param name="Shape">Dimensions.</param>
public sealed record ExpectedTensor(string Name, IReadOnlyList<long> Shape);
