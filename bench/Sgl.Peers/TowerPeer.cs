using System.Diagnostics;
using System.Runtime.InteropServices;
using LLama;
using LLama.Common;
using LLama.Native;

namespace Sgl.Peers;

/// <summary>llama.cpp's vision tower through mtmd, on the processor: InternViT-300M's shape, random weights, float16 as it converts them.</summary>
internal sealed unsafe class TowerPeer : IDisposable
{
    private readonly LLamaWeights _language;
    private readonly MtmdWeights _tower;
    private readonly delegate* unmanaged[Cdecl]<nint, nint, int> _encode;
    private readonly byte[] _pixels = new byte[3 * GgufTower.Tile * GgufTower.Tile];

    public TowerPeer(string file, string projector, int threads)
    {
        _language = LLamaWeights.LoadFromFile(new ModelParams(file) { GpuLayerCount = 0 });
        var parameters = MtmdContextParams.Default();
        parameters.UseGpu = false;
        parameters.NThreads = threads;
        parameters.PrintTimings = false;
        _tower = MtmdWeights.LoadFromFile(projector, _language, parameters);
        new Random(1).NextBytes(_pixels);

        // LLamaSharp keeps this call to itself: it is taken from the library that it has loaded.
        using var self = Process.GetCurrentProcess();
        var library = self.Modules.Cast<ProcessModule>().First(m => m.ModuleName.Contains("mtmd", StringComparison.Ordinal)).FileName;
        _encode = (delegate* unmanaged[Cdecl]<nint, nint, int>)NativeLibrary.GetExport(NativeLibrary.Load(library), "mtmd_encode_chunk");
    }

    /// <summary>Makes the file of a projector, once.</summary>
    public static string Prepare(string target, string cache)
    {
        var file = Path.Combine(cache, $"{target}-mmproj-f16.gguf");
        if (!File.Exists(file))
        {
            var width = LlamaShape.Of(target).Hidden;
            GgufWriter.Write(file + ".partial", [.. GgufTower.Pairs(width)], [.. GgufTower.Tensors(width)]);
            File.Move(file + ".partial", file);
        }

        return file;
    }

    /// <summary>Seconds of one tile through tower and projector, without decoding and resizing.</summary>
    public double Tile()
    {
        using var picture = SafeMtmdEmbed.FromRgbBytes(GgufTower.Tile, GgufTower.Tile, _pixels) ?? throw new InvalidOperationException("mtmd took no picture");
        var marker = NativeApi.MtmdDefaultMarker() ?? throw new InvalidOperationException("mtmd has no marker");
        if (_tower.Tokenize(marker, false, true, [picture], out var chunks) != 0 || chunks is null)
        {
            throw new InvalidOperationException("mtmd could not read the prompt");
        }

        using (chunks)
        {
            var image = chunks.Enumerate().Single(c => c.Type == SafeMtmdInputChunk.SafeMtmdInputChunkType.Image);
            if (image.NTokens != GgufTower.Tokens)
            {
                throw new InvalidOperationException($"mtmd makes {image.NTokens} tokens of a tile, not {GgufTower.Tokens}");
            }

            var start = Stopwatch.GetTimestamp();
            var status = _encode(_tower.NativeHandle.DangerousGetHandle(), image.NativePtr);
            return status == 0 ? Stopwatch.GetElapsedTime(start).TotalSeconds : throw new InvalidOperationException($"mtmd answered {status}");
        }
    }

    public void Dispose()
    {
        _tower.Dispose();
        _language.Dispose();
    }
}
