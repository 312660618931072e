namespace Sgl.Models.Internal;

/// <summary>Compares the tensors that a configuration asks for with those that the files hold.</summary>
internal static class TensorCheck
{
    /// <returns>Names that are not asked for.</returns>
    public static IEnumerable<string> Check(IEnumerable<ExpectedTensor> expected, TensorStore weights, ProblemList problems)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in expected)
        {
            if (!used.Add(tensor.Name))
            {
                continue;
            }

            if (!weights.TryGet(tensor.Name, out var entry))
            {
                problems.Add("*.safetensors", tensor.Name, $"a tensor {Shape(tensor.Shape)}", "no such tensor");
            }
            else if (!entry.Shape.SequenceEqual(tensor.Shape))
            {
                problems.Add(entry.File, tensor.Name, $"shape {Shape(tensor.Shape)}", Shape(entry.Shape));
            }
            else if (!TensorDataTypes.IsFloat(entry.DataType))
            {
                problems.Add(entry.File, tensor.Name, "a floating-point dtype", TensorDataTypes.Name(entry.DataType));
            }
        }

        return weights.Names.Where(n => !used.Contains(n));
    }

    private static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";
}
