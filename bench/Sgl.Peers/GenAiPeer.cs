using System.Diagnostics;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Sgl.Peers;

/// <summary>onnxruntime-genai on the processor: a decoder with 4-bit blocks that bench/Sgl.Bench writes.</summary>
internal sealed class GenAiPeer(string folder, int vocabulary) : IDecoderPeer
{
    private const int Room = 64;

    private readonly Model _model = new(folder);

    /// <inheritdoc/>
    public double Prefill(int rows)
    {
        using var parameters = Parameters(rows, 1);
        using var generator = new Generator(_model, parameters);
        var start = Stopwatch.GetTimestamp();
        Prompt(generator, rows, 1);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <inheritdoc/>
    public double Decode(int rows, int sequences, int steps)
    {
        using var parameters = Parameters(rows, sequences);
        using var generator = new Generator(_model, parameters);
        Prompt(generator, rows, sequences);
        generator.GenerateNextToken(); // the first step is not counted
        var start = Stopwatch.GetTimestamp();
        for (var step = 0; step < steps; step++)
        {
            generator.GenerateNextToken();
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / steps;
    }

    public void Dispose() => _model.Dispose();

    private GeneratorParams Parameters(int rows, int sequences)
    {
        var parameters = new GeneratorParams(_model);
        parameters.SetSearchOption("batch_size", sequences);
        parameters.SetSearchOption("max_length", rows + Room);
        parameters.SetSearchOption("min_length", rows + Room); // never the end token
        return parameters;
    }

    /// <summary>All prompts at once, and the token behind them, which is all that needs their logits.</summary>
    private void Prompt(Generator generator, int rows, int sequences)
    {
        var random = new Random(rows);
        generator.AppendTokens([.. Enumerable.Range(0, rows * sequences).Select(_ => random.Next(10, vocabulary))]);
        generator.GenerateNextToken();
    }
}
