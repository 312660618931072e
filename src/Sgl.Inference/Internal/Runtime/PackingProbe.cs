using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// Whether the runtime keeps a copy of its own of weights in a format, so that ours may go. Depends on processor and version; so a tiny layer is made,
/// its codes are overwritten, and what it computes is looked at.
/// </summary>
internal static class PackingProbe
{
    private const int Side = 256;

    private static readonly ConcurrentDictionary<LinearFormat, IReadOnlySet<WeightPart>> Known = new();

    /// <summary>Whether this part of weights in a format is read when the session is made and never again.</summary>
    public static bool Packs(LinearFormat format, WeightPart part) => Known.GetOrAdd(format, Try).Contains(part);

    private static HashSet<WeightPart> Try(LinearFormat format)
    {
        var graph = LinearGraph.Build(new LinearNames("w"), Side, Side, new GraphArithmetic(ComputeType.Float32, _ => format));
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        options.DisablePerSessionThreads();
        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", SessionFactory.PlaceholderFolder.Value);
        var owned = new Stack<IDisposable>();
        try
        {
            using var container = new PrePackedWeightsContainer();
            var parts = new List<(WeightPart Part, NativeBuffer Buffer)>();
            foreach (var binding in graph.Weights)
            {
                var (element, size, fill) = binding.Part switch
                {
                    WeightPart.Int8Values => (TensorElementType.Int8, 1, (byte)1),
                    WeightPart.UInt8Values or WeightPart.Blocks4Values or WeightPart.Blocks8Values => (TensorElementType.UInt8, 1, (byte)0x99),
                    WeightPart.Blocks4ZeroPoints => (TensorElementType.UInt8, 1, (byte)0x88),
                    WeightPart.InputOrder => (TensorElementType.Int64, 8, (byte)0),
                    _ => (TensorElementType.Float, 4, (byte)0),
                };
                var count = binding.Shape.Aggregate(1L, (a, b) => a * b);
                var buffer = new NativeBuffer(count * size);
                owned.Push(buffer);
                buffer.Span<byte>(0, (int)buffer.ByteLength).Fill(fill);
                if (element == TensorElementType.Float)
                {
                    buffer.Span<float>(0, (int)count).Fill(1);
                }

                if (binding.Part is WeightPart.Int8Values or WeightPart.UInt8Values or WeightPart.Blocks4Values or WeightPart.Blocks8Values or WeightPart.BlockScales or WeightPart.Blocks4ZeroPoints)
                {
                    parts.Add((binding.Part, buffer));
                }

                var value = OrtValue.CreateTensorValueWithData(OrtHost.Cpu, element, [.. binding.Shape], buffer.Pointer, buffer.ByteLength);
                owned.Push(value);
                options.AddInitializer(binding.Name, value);
            }

            using var session = new InferenceSession(graph.ToBytes(), options, container);
            var before = Run(session);
            var packed = new HashSet<WeightPart>();
            foreach (var (part, buffer) in parts)
            {
                var bytes = buffer.Span<byte>(0, (int)buffer.ByteLength);
                var own = bytes.ToArray();
                bytes.Fill(0x77);
                if (before.AsSpan().SequenceEqual(Run(session)) && before[0] != 0)
                {
                    packed.Add(part);
                }

                own.CopyTo(bytes);
            }

            return packed;
        }
        finally
        {
            while (owned.TryPop(out var disposable))
            {
                disposable.Dispose();
            }
        }
    }

    private static float[] Run(InferenceSession session)
    {
        var x = new float[2 * Side];
        Array.Fill(x, 0.5f);
        using var input = OrtValue.CreateTensorValueFromMemory(x, [2, Side]);
        using var run = new RunOptions();
        using var results = session.Run(run, ["x"], [input], ["y"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
