namespace Sgl.Models.Internal;

/// <summary>Compares the tensors that a configuration asks for with those that the files hold.</summary>
internal static class TensorCheck
{
    /// <param name="expected">What the configuration asks for.</param>
    /// <param name="weights">What the files hold.</param>
    /// <param name="quantization">How linear layers may be quantised; null: not at all.</param>
    /// <param name="quantized">Receives the layers that are, by the name that their weight would have.</param>
    /// <param name="problems">Collector.</param>
    /// <returns>Names that are not asked for.</returns>
    public static IEnumerable<string> Check(
        IEnumerable<ExpectedTensor> expected, TensorStore weights, QuantizationConfig? quantization, IDictionary<string, LinearMatrix> quantized, ProblemList problems)
    {
        var layers = quantization is null ? null : new QuantizedLayers(weights, quantization, problems);
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in expected)
        {
            if (!used.Add(tensor.Name))
            {
                continue;
            }

            var before = problems.Count;
            if (tensor.Linear && layers?.Find(tensor, used) is { } matrix)
            {
                quantized.Add(tensor.Name, matrix);
                continue;
            }

            if (problems.Count > before)
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
