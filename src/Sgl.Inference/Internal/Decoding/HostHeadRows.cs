using Microsoft.ML.OnnxRuntime;
using Sgl.Guidance;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Input and output of the head on the CPU.</summary>
/// <param name="width">Hidden width.</param>
/// <param name="vocabulary">V.</param>
/// <param name="work">Work space for V numbers; all that read share it.</param>
internal sealed class HostHeadRows(int width, int vocabulary, float[] work) : IHeadRows
{
    private static readonly string[] Inputs = ["hidden"];
    private static readonly string[] Outputs = ["logits"];

    private readonly RunOptions _runOptions = new();
    private readonly OrtValue[] _input = new OrtValue[1];
    private readonly OrtValue[] _output = new OrtValue[1];
    private readonly Scratch<float> _hidden = new();
    private readonly Scratch<float> _logits = new();
    private readonly Dictionary<int, (OrtValue Hidden, nint HiddenAt, OrtValue Logits, nint LogitsAt)> _tensors = [];
    private int _count;

    /// <summary>Hidden rows to run, [count, hidden]; fill before <see cref="Run"/>.</summary>
    public Span<float> Hidden(int count) => _hidden.Span(count * width);

    public ReadOnlySpan<float> Logits(int row) => _logits.Span(_count * vocabulary).Slice(row * vocabulary, vocabulary);

    public TokenChoice Choose(int row, TokenChooser chooser, int step) => chooser.Choose(Logits(row), step);

    public float LogProbability(int row, int id) => LogSoftmax.Of(Logits(row), work).LogProbability(Logits(row)[id]);

    /// <summary>Computes logits of so many rows.</summary>
    public void Run(InferenceSession session, int count)
    {
        _count = count;
        var (hiddenAt, logitsAt) = (_hidden.Address(count * width), _logits.Address(count * vocabulary));
        if (!_tensors.TryGetValue(count, out var tensors) || tensors.HiddenAt != hiddenAt || tensors.LogitsAt != logitsAt)
        {
            tensors.Hidden?.Dispose();
            tensors.Logits?.Dispose();
            tensors = (_hidden.Tensor(count, width), hiddenAt, _logits.Tensor(count, vocabulary), logitsAt);
            _tensors[count] = tensors;
        }

        _input[0] = tensors.Hidden;
        _output[0] = tensors.Logits;
        session.Run(_runOptions, Inputs, _input, Outputs, _output);
    }

    public void Dispose()
    {
        foreach (var (hidden, _, logits, _) in _tensors.Values)
        {
            hidden.Dispose();
            logits.Dispose();
        }

        _runOptions.Dispose();
        _hidden.Dispose();
        _logits.Dispose();
    }
}
