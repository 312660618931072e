using Microsoft.ML.OnnxRuntime;
using Sgl.Guidance;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Final norm and LM head.</summary>
internal sealed class Head : IHeadRows
{
    private static readonly string[] Inputs = ["hidden"];
    private static readonly string[] Outputs = ["logits"];

    private readonly LanguageModelConfig _config;
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly OrtValue[] _hidden = new OrtValue[1];
    private readonly OrtValue[] _output = new OrtValue[1];
    private readonly Scratch<float> _logits = new();
    private readonly float[] _work;
    private int _count;
    private readonly Dictionary<int, (OrtValue Hidden, nint HiddenAt, OrtValue Logits, nint LogitsAt)> _tensors = [];

    public Head(LanguageModelConfig config, DecoderNames names, DeviceId device, SessionFactory sessions, ComputeType computeType)
    {
        _config = config;
        _work = new float[config.VocabularySize];
        _session = sessions.Create(HeadGraph.Build(config, names, sessions.Arithmetic(device, computeType)), device);
    }

    /// <summary>Hidden rows to run, [n, hidden]; fill before <see cref="Run"/>.</summary>
    public Scratch<float> Rows { get; } = new();

    public ReadOnlySpan<float> Logits(int row) => _logits.Span(_count * _config.VocabularySize).Slice(row * _config.VocabularySize, _config.VocabularySize);

    public TokenChoice Choose(int row, TokenChooser chooser, int step) => chooser.Choose(Logits(row), step);

    public float LogProbability(int row, int id) => LogSoftmax.Of(Logits(row), _work).LogProbability(Logits(row)[id]);

    /// <summary>Computes logits of so many rows.</summary>
    public void Run(int rows)
    {
        _count = rows;
        var (hiddenAt, logitsAt) = (Rows.Address(rows * _config.HiddenSize), _logits.Address(rows * _config.VocabularySize));
        if (!_tensors.TryGetValue(rows, out var tensors) || tensors.HiddenAt != hiddenAt || tensors.LogitsAt != logitsAt)
        {
            tensors.Hidden?.Dispose();
            tensors.Logits?.Dispose();
            tensors = (Rows.Tensor(rows, _config.HiddenSize), hiddenAt, _logits.Tensor(rows, _config.VocabularySize), logitsAt);
            _tensors[rows] = tensors;
        }

        _hidden[0] = tensors.Hidden;
        _output[0] = tensors.Logits;
        _session.Run(_runOptions, Inputs, _hidden, Outputs, _output);
    }

    public void Dispose()
    {
        _session.Dispose();
        foreach (var (hidden, _, logits, _) in _tensors.Values)
        {
            hidden.Dispose();
            logits.Dispose();
        }

        _runOptions.Dispose();
        _logits.Dispose();
        Rows.Dispose();
    }
}
