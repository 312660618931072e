using Sgl.Models;

namespace Sgl.Inference;

/// <summary>How an engine loads and runs one checkpoint. Bound from configuration section <c>Engine</c>; validated at start by <see cref="EngineOptionsValidator"/>.</summary>
public sealed class EngineOptions
{
    /// <summary>Checkpoint folder as downloaded from the model hub. Required.</summary>
    public string Checkpoint { get; set; } = "";

    /// <summary>
    /// Which layers run on which device: a comma-separated list of <c>first-last:device</c> that covers 0..L-1 in order, e.g. <c>0-23:cuda:0,24-47:cuda:1</c>,
    /// one device for all, or <c>cuda*N</c> for equal shares on devices 0..N-1. Devices: <c>cpu</c>, <c>cpu:N</c> (N separates CPU stages, for tests), <c>cuda:N</c>. The vision tower runs with layer 0, the head with layer L-1.
    /// </summary>
    /// <value>Default <c>cpu</c>.</value>
    public string Placement { get; set; } = "cpu";

    /// <summary>Layers in front of which visual tokens may be dropped; each becomes a stage boundary. Empty: the paper's layers for this depth (5, 10, 20, 30, 40 %) and 0.</summary>
    public IList<int> PruneLayers { get; } = [];

    /// <summary>Most sequences in the batch. With several devices they are split into as many decode steps, each on another device, so more sequences keep more devices busy.</summary>
    /// <value>Default 8.</value>
    public int MaxBatch { get; set; } = 8;

    /// <summary>
    /// Most requests beyond <see cref="MaxBatch"/> that a service holds, whatever they wait for (preparation, the vision tower, guidance, a place in the batch),
    /// before new ones are refused with RESOURCE_EXHAUSTED.
    /// </summary>
    /// <value>Default 64.</value>
    public int MaxQueue { get; set; } = 64;

    /// <summary>
    /// Most rows of prompts that run between two decode steps, so how long a long prompt may delay the next token of answers under way. Longer prompts run
    /// in chunks of that size; answers are the same. 0 runs every prompt in one piece. With several devices a chunk for each is under way, which together delay a token no longer.
    /// </summary>
    /// <value>Default 256.</value>
    public int PrefillChunk { get; set; } = 256;

    /// <summary>Memory for KV caches in MiB, on each GPU and on the CPUs together; a request is admitted when its worst case fits. 0 takes what weights and work space leave free of each GPU, for one model a GPU, and 2048 on CPUs.</summary>
    /// <value>Default 2048.</value>
    public int KvBudgetMiB { get; set; } = 2048;

    /// <summary>
    /// Longest sequence in tokens: prompt with its visual tokens, and new tokens; 0 means the checkpoint's own limit (<c>max_position_embeddings</c>).
    /// More than that is allowed: dynamic NTK (InternLM2) is made for it, with any other rotary embedding answers get worse and a warning is logged.
    /// </summary>
    public int MaxPromptTokens { get; set; }

    /// <summary>Most tokens one request may ask for.</summary>
    /// <value>Default 1024.</value>
    public int MaxNewTokens { get; set; } = 1024;

    /// <summary>Most images in one request.</summary>
    /// <value>Default 16.</value>
    public int MaxImages { get; set; } = 16;

    /// <summary>Tiles whose vision features are computed in one run.</summary>
    /// <value>Default 4.</value>
    public int VisionBatch { get; set; } = 4;

    /// <summary>
    /// Memory in MiB for visual features of images seen lately: the next question about such an image does not run the vision tower. 0 turns it off.
    /// </summary>
    /// <value>Default 256.</value>
    public int VisionCacheMiB { get; set; } = 256;

    /// <summary>
    /// Memory in MiB for keys and values of prompts' beginnings seen lately (system text, pictures, earlier turns), beside <see cref="KvBudgetMiB"/>: the next question behind
    /// such a beginning runs only what is new. Answers stay the same. 0 turns it off. Not used where a stage is on a GPU.
    /// </summary>
    /// <value>Default 512.</value>
    public int PrefixCacheMiB { get; set; } = 512;

    /// <summary>CPU threads of the runtime, shared by all sessions of the process; 0 means one per core.</summary>
    public int Threads { get; set; }

    /// <summary>Whether the graphs that yield importance are built too (small model: yes; large model: only for the oracle).</summary>
    /// <value>Default true.</value>
    public bool Importance { get; set; } = true;

    /// <summary>
    /// Arithmetic of linear layers, on CPUs: <c>float32</c>, <c>int8</c> (row-wise W8A8: a quarter of the memory, several times faster, results differ in the
    /// third digit), <c>int4</c> (the decoder's layers in blocks of 4 bits, the rest as int8: decoding is faster still, prefill about as slow as with float32, and results differ
    /// in the second digit), or <c>auto</c>: int8 where the files store 16-bit types and the decoder is wide enough to gain from it, float32 otherwise. Layers that a folder stores in
    /// 8 or 4 bits run as stored, unless this is <c>float32</c>. On GPUs activations keep their 16 bits, and weights alone have fewer: by <c>int8</c> those of decoder and head, by <c>int4</c>
    /// the decoder's layers in 4 bits and the head in 8; <c>auto</c> and <c>float32</c> round nothing there.
    /// </summary>
    /// <value>Default <c>auto</c>.</value>
    public string Weights { get; set; } = "auto";

    /// <summary>Whether the runtime may repack float32 weights for speed at the price of a copy of its own.</summary>
    /// <value>Default false: weights stay in the mapped file.</value>
    public bool PrepackWeights { get; set; }

    /// <summary>
    /// Folder for the runtime's own profiles, a JSON file for every session with each node, where it ran and how long, written when the engine ends. For measuring only: files grow with every
    /// run. Empty: none.
    /// </summary>
    public string ProfileFolder { get; set; } = "";

    /// <summary>How ONNX Runtime's CUDA provider runs.</summary>
    public CudaOptions Cuda { get; } = new();

    /// <summary>Whether a folder without tokenizer files is refused. Such an engine takes token ids only, so the services always refuse it.</summary>
    /// <value>Default false.</value>
    public bool RequireTokenizer { get; set; }

    /// <summary>
    /// A 16-bit type: stages on CPUs then compute as a GPU in that type would, as far as rounding goes, its formats of weights included. For verification, which has no GPU everywhere; null else.
    /// </summary>
    internal ComputeType? Emulates { get; set; }

    /// <summary>Id of the image placeholder for folders without tokenizer files (InternVL only).</summary>
    public int? ImageTokenId { get; set; }
}
