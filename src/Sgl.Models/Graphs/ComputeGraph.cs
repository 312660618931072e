using Google.Protobuf;
using Sgl.Models.Onnx;

namespace Sgl.Models;

/// <summary>A weight that a graph expects to be handed over before it runs.</summary>
/// <param name="Name">Initializer name in the graph, equal to the tensor's name in the checkpoint.</param>
/// <param name="Shape">Shape in the graph; may be a reshape of the stored one.</param>
public sealed record WeightBinding(string Name, IReadOnlyList<long> Shape);

/// <summary>A graph without its weights.</summary>
public sealed class ComputeGraph
{
    private readonly ModelProto _model;

    internal ComputeGraph(ModelProto model, IReadOnlyList<WeightBinding> weights, ComputeType computeType)
    {
        _model = model;
        Weights = weights;
        ComputeType = computeType;
    }

    /// <summary>Graph name, for messages.</summary>
    public string Name => _model.Graph.Name;

    /// <summary>Weights to hand over.</summary>
    public IReadOnlyList<WeightBinding> Weights { get; }

    /// <summary>Element type of the weights and of the KV cache.</summary>
    public ComputeType ComputeType { get; }

    /// <summary>The serialized model, weights left out.</summary>
    public byte[] ToBytes() => _model.ToByteArray();
}
