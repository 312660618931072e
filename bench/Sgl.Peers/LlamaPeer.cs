using System.Diagnostics;
using LLama;
using LLama.Common;
using LLama.Native;

namespace Sgl.Peers;

/// <summary>llama.cpp through LLamaSharp, on the processor: one precision of a random model of a given shape.</summary>
internal sealed class LlamaPeer : IDecoderPeer
{
    private const int Context = 4096;

    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;
    private readonly int _vocabulary;

    public LlamaPeer(string file, int vocabulary, int threads, int sequences)
    {
        _vocabulary = vocabulary;
        var parameters = new ModelParams(file)
        {
            ContextSize = Context,
            GpuLayerCount = 0,
            Threads = threads,
            BatchThreads = threads,
            BatchSize = Context,
            SeqMax = (uint)sequences,
        };
        _weights = LLamaWeights.LoadFromFile(parameters);
        _context = _weights.CreateContext(parameters);
    }

    /// <summary>Makes the file of a precision, once.</summary>
    public static string Prepare(string target, string precision, string cache)
    {
        Directory.CreateDirectory(cache);
        var half = Path.Combine(cache, $"{target}-f16.gguf");
        if (!File.Exists(half))
        {
            var shape = LlamaShape.Of(target);
            GgufWriter.Write(half + ".partial", [.. GgufDecoder.Pairs(shape)], [.. GgufDecoder.Tensors(shape)]);
            File.Move(half + ".partial", half);
        }

        if (precision == "F16")
        {
            return half;
        }

        var file = Path.Combine(cache, $"{target}-{precision.ToLowerInvariant()}.gguf");
        if (!File.Exists(file))
        {
            NativeApi.llama_empty_call();
            if (!LLamaQuantizer.Quantize(half, file + ".partial", precision))
            {
                throw new InvalidOperationException($"{half} could not be quantised to {precision}");
            }

            File.Move(file + ".partial", file);
        }

        return file;
    }

    /// <inheritdoc/>
    public double Prefill(int rows)
    {
        _context.NativeHandle.MemoryClear(true);
        var start = Stopwatch.GetTimestamp();
        Prompt(rows, 0);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <inheritdoc/>
    public double Decode(int rows, int sequences, int steps)
    {
        _context.NativeHandle.MemoryClear(true);
        for (var s = 0; s < sequences; s++)
        {
            Prompt(rows, s);
        }

        var batch = new LLamaBatch();
        double seconds = 0;
        // The first step is not counted.
        for (var step = -1; step < steps; step++)
        {
            batch.Clear();
            for (var s = 0; s < sequences; s++)
            {
                batch.Add((LLamaToken)(100 + step + s), (LLamaPos)(rows + step + 1), (LLamaSeqId)s, true);
            }

            var start = Stopwatch.GetTimestamp();
            Check(_context.NativeHandle.Decode(batch));
            // What a sampler would read.
            _ = _context.NativeHandle.GetLogitsIth(sequences - 1)[0];
            seconds += step < 0 ? 0 : Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return seconds / steps;
    }

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }

    private void Prompt(int rows, int sequence)
    {
        var batch = new LLamaBatch();
        var random = new Random(rows);
        for (var i = 0; i < rows; i++)
        {
            batch.Add((LLamaToken)random.Next(10, _vocabulary), (LLamaPos)i, (LLamaSeqId)sequence, i == rows - 1);
        }

        Check(_context.NativeHandle.Decode(batch));
        _ = _context.NativeHandle.GetLogitsIth(rows - 1)[0];
    }

    private static void Check(DecodeResult result)
    {
        if (result != DecodeResult.Ok)
        {
            throw new InvalidOperationException($"llama.cpp answered {result}");
        }
    }
}
