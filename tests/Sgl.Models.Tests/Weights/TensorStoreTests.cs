using System.Runtime.InteropServices;
using CsCheck;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Weights;

public sealed class TensorStoreTests
{
    [Fact]
    public void ReadFloat32_EveryFloatType_ConvertsEachElement() =>
        Gen.Float.Array[1, 70].Sample(values =>
        {
            using var folder = new TestFolder();
            WriteAll(folder, values);
            using var store = TensorStore.Open(folder.Path);
            Assert.Equal(values, store.ReadFloat32("f32"));
            Assert.Equal(values, store.ReadFloat32("f64"));
            Assert.Equal(values.Select(v => (float)(Half)v), store.ReadFloat32("f16"));
            Assert.Equal(values.Select(v => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(v) & 0xFFFF0000)), store.ReadFloat32("bf16"));
        }, iter: 60);

    [Fact]
    public void ReadFloat32_Part_StartsAtTheElement()
    {
        using var folder = new TestFolder();
        var values = Enumerable.Range(0, 100).Select(i => (float)i).ToArray();
        WriteAll(folder, values);
        using var store = TensorStore.Open(folder.Path);
        foreach (var name in new[] { "f32", "f16", "bf16", "f64" })
        {
            var part = new float[37];
            store.ReadFloat32(store[name], 21, part);
            Assert.Equal(values[21..58], part);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => store.ReadFloat32(store["f32"], 90, new float[11]));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.ReadFloat32(store["f32"], -1, new float[1]));
        Assert.Throws<ArgumentException>(() => store.ReadFloat32("u8"));
    }

    [Fact]
    public void Bytes_Tensor_AreTheFilesBytes()
    {
        using var folder = new TestFolder();
        WriteAll(folder, [1f, -2f, 3.5f]);
        using var store = TensorStore.Open(folder.Path);
        Assert.Equal([1f, -2f, 3.5f], MemoryMarshal.Cast<byte, float>(store.Bytes(store["f32"])).ToArray());
        Assert.Equal([3L], store["f32"].Shape);
        Assert.Equal(5, store.Names.Count);
        Assert.Equal((3 * (4 + 2 + 2 + 8)) + 3, store.TotalBytes);
        Assert.False(store.Contains("none"));
        Assert.Throws<CheckpointException>(() => store["none"]);
    }

    [Fact]
    public void Open_HubCacheOfSymbolicLinks_ResolvesThem()
    {
        using var blobs = new TestFolder();
        using var snapshot = new TestFolder();
        WriteAll(blobs, [4f, 5f]);
        File.Move(blobs.File("model.safetensors"), blobs.File("0123abcd"));
        File.CreateSymbolicLink(snapshot.File("model.safetensors"), Path.GetRelativePath(snapshot.Path, blobs.File("0123abcd")));
        using (var store = TensorStore.Open(snapshot.Path))
        {
            Assert.Equal([4f, 5f], store.ReadFloat32("bf16"));
            Assert.EndsWith("0123abcd", store.FullPath(store["bf16"]), StringComparison.Ordinal);
        }

        var link = snapshot.File("linked-folder");
        Directory.CreateSymbolicLink(link, snapshot.Path);
        using (var store = TensorStore.Open(link))
        {
            Assert.Equal("0123abcd", Path.GetFileName(store.FullPath(store["f32"])));
            Assert.DoesNotContain("linked-folder", store.FullPath(store["f32"]), StringComparison.Ordinal);
        }

        File.Delete(blobs.File("0123abcd"));
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => TensorStore.Open(snapshot.Path)).Problems);
        Assert.StartsWith("a link to ", problem.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Pointer_DisposedStore_Throws()
    {
        using var folder = new TestFolder();
        WriteAll(folder, [1f]);
        var store = TensorStore.Open(folder.Path);
        var entry = store["f32"];
        store.Dispose();
        store.Dispose();
        Assert.Throws<ObjectDisposedException>(() => store.Pointer(entry));
    }

    [Fact]
    public void Pointer_TensorOfAnotherStore_Throws()
    {
        using var folder = new TestFolder();
        WriteAll(folder, [1f]);
        using var store = TensorStore.Open(folder.Path);
        Assert.Throws<ArgumentException>(() => store.Pointer(store["f32"] with { Offset = 1 << 30 }));
    }

    /// <summary>One file with the values in every type, at offsets that no alignment suits.</summary>
    private static void WriteAll(TestFolder folder, float[] values)
    {
        (string Name, string Type, byte[] Data)[] tensors =
        [
            ("u8", "U8", new byte[values.Length]),
            ("f32", "F32", MemoryMarshal.AsBytes<float>(values).ToArray()),
            ("f16", "F16", MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, v => (Half)v)).ToArray()),
            ("bf16", "BF16", MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))).ToArray()),
            ("f64", "F64", MemoryMarshal.AsBytes<double>(Array.ConvertAll(values, v => (double)v)).ToArray()),
        ];
        long offset = 0;
        var header = "{" + string.Join(',', tensors.Select(t => $"\"{t.Name}\":{{\"dtype\":\"{t.Type}\",\"shape\":[{values.Length}],\"data_offsets\":[{offset},{offset += t.Data.Length}]}}")) + "}";
        folder.Raw("model.safetensors", header, 0);
        using var file = new FileStream(folder.File("model.safetensors"), FileMode.Append);
        foreach (var tensor in tensors)
        {
            file.Write(tensor.Data);
        }
    }
}
