using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Final norm and LM head.</summary>
internal sealed class Head : IDisposable
{
    private static readonly string[] Inputs = ["hidden"];
    private static readonly string[] Outputs = ["logits"];

    private readonly LanguageModelConfig _config;
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly Scratch<float> _logits = new();

    public Head(LanguageModelConfig config, DecoderNames names, DeviceId device, SessionFactory sessions, ComputeType computeType)
    {
        _config = config;
        _session = sessions.Create(HeadGraph.Build(config, names, sessions.Arithmetic(device, computeType)), device);
    }

    /// <summary>Hidden rows to run, [n, hidden]; fill before <see cref="Run"/>.</summary>
    public Scratch<float> Rows { get; } = new();

    /// <summary>Computes logits [n, vocabulary], valid until the next run.</summary>
    public ReadOnlySpan<float> Run(int rows)
    {
        using var hidden = Rows.Tensor(rows, _config.HiddenSize);
        using var logits = _logits.Tensor(rows, _config.VocabularySize);
        _session.Run(_runOptions, Inputs, [hidden], Outputs, [logits]);
        return _logits.Span(rows * _config.VocabularySize);
    }

    public void Dispose()
    {
        _session.Dispose();
        _runOptions.Dispose();
        _logits.Dispose();
        Rows.Dispose();
    }
}
