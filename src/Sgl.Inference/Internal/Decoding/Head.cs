using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Decoding.Lanes;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Final norm and LM head on the CPU.</summary>
internal sealed class Head : IHead
{
    private readonly LanguageModelConfig _config;
    private readonly InferenceSession _session;
    private readonly float[] _work;

    public Head(LanguageModelConfig config, DecoderNames names, DeviceId device, SessionFactory sessions, ComputeType computeType)
    {
        _config = config;
        _work = new float[config.VocabularySize];
        _session = sessions.Create(HeadGraph.Build(config, names, sessions.Arithmetic(device, computeType)), device);
    }

    public IHeadRows NewRows() => new HostHeadRows(_config.HiddenSize, _config.VocabularySize, _work);

    public void Run(ILane lane, List<Sequence> set, bool logits, IHeadRows rows)
    {
        var width = _config.HiddenSize;
        var target = (HostHeadRows)rows;
        var hidden = target.Hidden(set.Count);
        for (var i = 0; i < set.Count; i++)
        {
            set[i].Hidden.CopyTo(hidden[(i * width)..]);
        }

        target.Run(_session, set.Count);
    }

    public void Run(AnswerRows answers, AnswerRequest request, IHeadRows rows)
    {
        var target = (HostHeadRows)rows;
        answers.CopyTo(request.First, request.Count, target.Hidden(request.Count));
        target.Run(_session, request.Count);
    }

    public void Dispose() => _session.Dispose();
}
